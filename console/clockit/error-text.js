/** Error messages of the page by error code. */
import { t } from '../i18n/translate.js';

const TEXTS = {
  unknown_session: 'clockit.error.unknown_session',
  limit: 'clockit.error.limit',
  busy: 'clockit.error.busy',
  unavailable: 'clockit.error.unavailable',
  damaged: 'clockit.error.damaged',
  outcome_unknown: 'clockit.error.outcome_unknown',
  time_uncertain: 'clockit.error.time_uncertain',
  no_answer: 'clockit.error.no_answer',
  expired: 'clockit.error.expired',
  too_large: 'clockit.error.too_large',
  queue_full: 'clockit.error.queue_full',
};

/** Returns one message, such as `Stop: this timer no longer exists.` */
export function errorText(name, { code, message }) {
  const text = TEXTS[code] ? t(TEXTS[code]) : (message ?? t('clockit.error.other'));
  return t('clockit.error.named', { name, text });
}
