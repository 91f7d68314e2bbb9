import { formatSecondsToHMS, useStopwatches } from '@tickcast/react';
import { Card } from './card';

export function Stopwatches() {
  const { connection, sessions, loaded, pending, start, pause, resume, stop, remove } = useStopwatches();
  const list = [...sessions.values()].reverse();

  const submit = (form: FormData) => void start({ label: String(form.get('label')).trim() || 'Untitled' });

  return (
    <Card title="Stopwatches" isLive={connection.phase === 'online'}>
      <form className="row" action={submit}>
        <input name="label" aria-label="What are you doing?" placeholder="What are you doing?" maxLength={80} />
        <button>Start</button>
      </form>
      {pending.length > 0 && <p className="hint">{pending.length} changes wait for the server.</p>}
      {loaded && list.length === 0 && <p className="hint">Nothing is running. Start a stopwatch, then close the tab: it goes on.</p>}
      <ul className="stopwatches">
        {list.map(({ state, phase, elapsedMs }) => (
          <li key={state.sessionId} data-phase={phase}>
            <span className="label">{state.label}</span>
            <span className="phase">{phase}</span>
            <time role="timer" aria-label={state.label}>
              {formatSecondsToHMS(elapsedMs / 1000)}
            </time>
            <span className="buttons">
              {phase === 'running' && <button onClick={() => pause(state.sessionId)}>Pause</button>}
              {phase === 'paused' && <button onClick={() => resume(state.sessionId)}>Resume</button>}
              {phase !== 'stopped' && <button onClick={() => stop(state.sessionId)}>Stop</button>}
              {phase === 'stopped' && <button onClick={() => remove(state.sessionId)}>Remove</button>}
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
