import { parseBattery, parseThermal } from './parse-replies.ts';
import { evidence, type PhoneRow } from './phone-row.ts';
import { QUESTIONS, type Question, type Replies } from './questions.ts';

/** THERMAL_STATUS_SEVERE (android.os.PowerManager). */
const SEVERE = 3;

/** What may slow machines down, or end them. */
export function stateRows(replies: Replies): readonly PhoneRow[] {
  const seen = (question: Question, line = replies(question).text): string => evidence(QUESTIONS[question], line);
  const [battery, thermal, doze, phantoms] = [
    replies('battery'),
    replies('thermal'),
    replies('doze'),
    replies('phantoms'),
  ];
  const most = /^\d+$/.exec(replies('mostPhantoms').text)?.[0];
  const power = parseBattery(battery.text);
  const heat = parseThermal(thermal.text);
  const isAwake = /^(ACTIVE|INACTIVE|IDLE_PENDING|SENSING|LOCATING)$/.test(doze.text);
  const isDozing = /^IDLE/.test(doze.text) && !isAwake;
  return [
    {
      what: 'power',
      answer: power === undefined ? 'cannot tell' : power.isCharging || power.level >= 20 ? 'yes' : 'no',
      says:
        power === undefined
          ? 'no battery is told of'
          : `${power.level} %, ${power.isCharging ? 'charging' : 'not charging'}`,
      evidence: seen(
        'battery',
        battery.text
          .split('\n')
          .find((line) => /level:/.test(line))
          ?.trim() ?? battery.text,
      ),
    },
    {
      what: 'cool',
      answer: heat === undefined ? 'cannot tell' : heat.status < SEVERE ? 'yes' : 'no',
      says: heat === undefined ? 'no answer' : `throttled: ${heat.name}`,
      evidence: seen('thermal', thermal.text.split('\n').find((line) => /Thermal Status/.test(line)) ?? thermal.text),
    },
    {
      what: 'awake',
      answer: isAwake ? 'yes' : isDozing ? 'no' : 'cannot tell',
      says: isDozing ? 'doze: apps have no network now; vmkit holds a wake lock while machines run' : 'no doze now',
      evidence: seen('doze'),
    },
    {
      what: 'children of apps live',
      answer: phantoms.text === 'false' ? 'yes' : phantoms.exitCode === 0 ? 'no' : 'cannot tell',
      says: `matters to Termux alone: Android ends more than ${most ?? '32'} processes of apps; root is left alone`,
      evidence: seen('phantoms'),
    },
  ];
}
