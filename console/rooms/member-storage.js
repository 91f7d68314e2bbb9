/** Browser storage of a member: the name permanently, the resume secret of a membership for one tab. */

const NAME_KEY = 'tickcast.name';
const resumeKey = (roomId) => `tickcast.resume.${roomId}`;

export function createMemberStorage(local, session) {
  return {
    get name() {
      return attempt(() => local?.getItem(NAME_KEY)) ?? '';
    },
    set name(name) {
      attempt(() => local?.setItem(NAME_KEY, name));
    },
    resumeSecret: (roomId) => attempt(() => session?.getItem(resumeKey(roomId))) ?? undefined,
    saveResumeSecret: (roomId, secret) => attempt(() => session?.setItem(resumeKey(roomId), secret)),
    deleteResumeSecret: (roomId) => attempt(() => session?.removeItem(resumeKey(roomId))),
  };
}

/** Storage access may throw; a failed access counts as empty storage. */
function attempt(run) {
  try {
    return run();
  } catch {
    return undefined;
  }
}
