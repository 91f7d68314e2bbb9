/**
 * Rewrites for a Next.js that serves the page and has no proxy in front of it. README.md in this folder explains them.
 * `TICKCAST_URL` is read when the page is built.
 */
const TICKCAST = process.env.TICKCAST_URL ?? 'http://127.0.0.11:4000';

const toTickcast = (source) => ({ source, destination: `${TICKCAST}${source}` });

/** @type {import('next').NextConfig} */
export default {
  async rewrites() {
    return {
      // Before the files: the page's own handlers of these routes would answer otherwise.
      beforeFiles: ['/api/session', '/api/session/:path*', '/api/heartbeat', '/api/daily-logs'].map(toTickcast),
    };
  },
};
