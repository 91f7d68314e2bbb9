import { useRealtimeTimer, useSessionManager } from '@tickcast/react';
import { Card } from './card';

export function PunchClock() {
  const { sessionData, isLoading, error, updateSessionData, resetSession } = useSessionManager();
  const timer = useRealtimeTimer(sessionData, updateSessionData);
  const { dailyStats, formatMinutesToHours, formatSecondsToHMS } = timer;
  const isIn = sessionData?.currentStatus === 'IN';
  const punches = sessionData?.entries ?? [];

  return (
    <Card title="Working day" isLive={!isLoading && error === null}>
      {error && <p role="alert">{error}</p>}
      <time className="big" role="timer" aria-label={isIn ? 'Work' : 'Break'} data-status={sessionData?.currentStatus}>
        {formatSecondsToHMS(isIn ? timer.liveWorkSeconds : timer.liveBreakSeconds)}
      </time>
      <p className="hint">{isIn ? 'at work' : punches.length > 0 ? 'on a break' : 'not clocked in yet'}</p>
      <progress max={100} value={timer.getProgressPercentage()} aria-label="Share of the working day" />
      <dl>
        <dt>Worked</dt>
        <dd>{formatMinutesToHours(dailyStats.totalWorkMinutes)}</dd>
        <dt>Breaks</dt>
        <dd>{formatMinutesToHours(dailyStats.totalBreakMinutes)}</dd>
        <dt>Remaining</dt>
        <dd>{formatMinutesToHours(timer.getRemainingTime())}</dd>
      </dl>
      <div className="buttons">
        {isIn ? (
          <button onClick={timer.clockOut}>Clock out</button>
        ) : (
          <button onClick={timer.clockIn} disabled={isLoading}>
            Clock in
          </button>
        )}
        {punches.length > 0 && (
          <button className="quiet" onClick={() => resetSession()}>
            Reset the day
          </button>
        )}
      </div>
      <ol className="punches" aria-label="Punches of today">
        {punches.map(({ id, type, timestamp }) => (
          <li key={id}>
            <span>{type}</span>
            <time dateTime={new Date(timestamp).toISOString()}>{new Date(timestamp).toLocaleTimeString()}</time>
          </li>
        ))}
      </ol>
    </Card>
  );
}
