/** What this browser remembers: a name for good, and for one tab the secret of its membership. */

const NAME = 'tickcast.name';
const resumeOf = (room) => `tickcast.resume.${room}`;

export function createMemory(local, session) {
  return {
    get name() {
      return attempt(() => local?.getItem(NAME)) ?? '';
    },
    set name(name) {
      attempt(() => local?.setItem(NAME, name));
    },
    resume: (room) => attempt(() => session?.getItem(resumeOf(room))) ?? undefined,
    keep: (room, secret) => attempt(() => session?.setItem(resumeOf(room), secret)),
    forget: (room) => attempt(() => session?.removeItem(resumeOf(room))),
  };
}

/** A browser that stores nothing only forgets. */
function attempt(run) {
  try {
    return run();
  } catch {
    return undefined;
  }
}
