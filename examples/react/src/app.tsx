import { TickcastProvider } from '@tickcast/react';
import { io } from 'socket.io-client';
import { PunchClock } from './punch-clock';
import { RoomCard } from './room';
import { SignIn } from './sign-in';
import { Stopwatches } from './stopwatches';
import { useSavedText } from './use-saved-text';

export function App() {
  const [user, setUser] = useSavedText('desk.user');
  if (!user) return <SignIn onSignIn={setUser} />;
  return (
    // A real application passes the token of its login: credential={{ token: () => auth.getToken() }} account={user.id}
    <TickcastProvider url="/tickcast" credential={{ userId: user }} io={io}>
      <header className="top">
        <h1>Desk</h1>
        <p>
          Signed in as <strong>{user}</strong>
        </p>
        <button className="quiet" onClick={() => setUser('')}>
          Sign out
        </button>
      </header>
      <main className="cards">
        <PunchClock />
        <Stopwatches />
        <RoomCard userName={user} />
      </main>
      <footer>Open this page on another device: it shows the same second.</footer>
    </TickcastProvider>
  );
}
