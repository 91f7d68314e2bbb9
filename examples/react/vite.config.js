import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** The page reaches the server below a path of its own origin, as it would behind a proxy in production. */
const tickcast = {
  target: process.env.TICKCAST_URL ?? 'http://localhost:4000',
  rewrite: (path) => path.replace(/^\/tickcast/, ''),
  ws: true,
};

export default defineConfig({
  plugins: [react()],
  // The libraries are linked from this repository, and have packages of their own for their tests.
  resolve: { dedupe: ['react', 'react-dom', '@tickcast/client'] },
  server: { proxy: { '/tickcast': tickcast } },
});
