/**
 * A script for root, before a service starts: tries a command of the shell until it succeeds, 300 times at most. What it says against that is on the service's log,
 * once. `pause` is a command, too.
 */
export function untilAnswers(command: string, pause: string): string {
  return `said=
tries=0
until answer=$(${command}); do
  [ "$answer" = "$said" ] || echo "$answer"
  said=$answer
  tries=$((tries + 1))
  [ "$tries" -lt 300 ] || exit 1
  ${pause}
done
`;
}
