import { ClockitClient } from '@tickcast/client/clockit';
import { WebSocket } from 'ws'; // Browsers have one of their own, and Node from version 22 on.

const client = new ClockitClient({
  url: process.env.TICKCAST_URL ?? 'http://localhost:4000',
  credential: { userId: 'ada' },
  WebSocket,
});

client.subscribe(() => {
  const { connection, sessions } = client.getSnapshot();
  for (const { state, phase, elapsedMs } of sessions.values()) {
    console.log(`${connection.phase}: ${state.label} is ${phase} at ${Math.floor(elapsedMs / 1000)} s`);
  }
});
client.onError((error) => console.error(error.kind, error.message));
client.open();

const result = await client.start({ label: 'Write the report' });
if (result.ok) {
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  await client.stop(result.sessionId);
}
client.close();
