/** Why a room cannot be joined. */
import { t } from '../i18n/translate.js';

const TEXTS = { SESSION_NOT_FOUND: 'rooms.notFound', ROOM_FULL: 'rooms.full' };

export function joinErrorText({ code, message }) {
  return TEXTS[code] ? t(TEXTS[code]) : message;
}
