/** Takes what comes until `accept` makes something of it; undefined at the deadline. */
export async function takeUntil<In, Out>(
  deadline: number,
  next: (withinMs: number) => Promise<In | undefined>,
  accept: (each: In) => Out | undefined,
): Promise<Out | undefined> {
  for (;;) {
    const left = deadline - performance.now();
    const each = left > 0 ? await next(left) : undefined;
    if (each === undefined) return undefined;
    const accepted = accept(each);
    if (accepted !== undefined) return accepted;
  }
}
