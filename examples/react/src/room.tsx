import { useState } from 'react';
import { useCreateRoom, useRoom } from '@tickcast/react';
import { Card } from './card';
import { useRoomId } from './use-room-id';

interface RoomCardProps {
  userName: string;
}

export function RoomCard({ userName }: RoomCardProps) {
  const [roomId, setRoomId] = useRoomId();
  if (roomId === null) return <Lobby userName={userName} onRoom={setRoomId} />;
  return <Room roomId={roomId} userName={userName} onLeave={() => setRoomId(null)} />;
}

function Lobby({ userName, onRoom }: RoomCardProps & { onRoom: (roomId: string) => void }) {
  const createRoom = useCreateRoom();
  const [error, setError] = useState('');

  const create = async (form: FormData) => {
    const created = await createRoom({ duration: Math.round(Number(form.get('minutes')) * 60), name: userName });
    if (created.ok) onRoom(created.sessionId);
    else setError(created.error.message);
  };
  const join = (form: FormData) => {
    const text = String(form.get('room')).trim();
    const roomId = text.split('#room=').at(-1);
    if (roomId) onRoom(roomId);
  };

  return (
    <Card title="Team countdown" isLive>
      <form className="row" action={create}>
        <label className="inline">
          Minutes
          <input name="minutes" type="number" min="1" max="1440" defaultValue="25" required />
        </label>
        <button>Create a room</button>
      </form>
      <form className="row" action={join}>
        <input name="room" aria-label="Link or id of a room" placeholder="Link or id of a room" required />
        <button>Join</button>
      </form>
      {error && <p role="alert">The room could not be created: {error}</p>}
    </Card>
  );
}

function Room({ roomId, userName, onLeave }: RoomCardProps & { roomId: string; onLeave: () => void }) {
  const { connection, room, timer, remainingSeconds, completedAt, joinError, start, pause, resume, reset, adjust } = useRoom(roomId, { name: userName });

  if (joinError) {
    return (
      <Card title="Team countdown" isLive={connection.phase === 'online'}>
        <p role="alert">You cannot join this room: {joinError.message}</p>
        <button onClick={onLeave}>Back</button>
      </Card>
    );
  }
  const total = timer?.duration || 1;
  return (
    <Card title="Team countdown" isLive={connection.phase === 'online' && room !== null}>
      <time className="big" role="timer" aria-label="Remaining time">
        {formatRemaining(remainingSeconds ?? 0)}
      </time>
      <progress max={total} value={Math.min(total, remainingSeconds ?? 0)} aria-label="Remaining share" />
      {completedAt !== null && <p className="done">Time is up!</p>}
      <div className="buttons">
        {timer?.isRunning && <button onClick={pause}>Pause</button>}
        {timer?.isPaused && <button onClick={resume}>Resume</button>}
        {timer && !timer.isRunning && !timer.isPaused && <button onClick={() => start()}>Start</button>}
        {timer && (timer.isRunning || timer.isPaused) && <button className="quiet" onClick={() => adjust(60)}>+1 minute</button>}
        {timer && (timer.isRunning || timer.isPaused) && <button className="quiet" onClick={reset}>Reset</button>}
      </div>
      <h3>
        {room?.count ?? 0} {room?.count === 1 ? 'member' : 'members'}
      </h3>
      <ul className="members">
        {room?.clients.map(({ id, name }) => (
          <li key={id}>{id === room.clientId ? `${name} (you)` : name}</li>
        ))}
      </ul>
      <label>
        Anyone with this link can join
        <input readOnly value={location.href} onFocus={(event) => event.target.select()} />
      </label>
      <button className="quiet" onClick={onLeave}>
        Leave the room
      </button>
    </Card>
  );
}

function formatRemaining(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
