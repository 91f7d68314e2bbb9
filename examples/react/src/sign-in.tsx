export function SignIn({ onSignIn }: { onSignIn: (user: string) => void }) {
  const submit = (form: FormData) => {
    const name = String(form.get('name')).trim();
    if (name) onSignIn(name);
  };
  return (
    <main className="sign-in">
      <h1>Desk</h1>
      <p>Your working day, your stopwatches, and a countdown with your team: the same second on every device.</p>
      <form action={submit}>
        <label>
          Your name
          <input name="name" required maxLength={40} autoComplete="nickname" autoFocus />
        </label>
        <button>Sign in</button>
      </form>
    </main>
  );
}
