interface Reading {
  /** Called once, when the body was read to the end or given up. */
  done(): void;
  /** The body may have nothing to say for long; headers go out with the first bytes, so a comment goes first. */
  isQuiet: boolean;
}

/** The same response, watched while it is read. */
export function whenRead(response: Response, { done, isQuiet }: Reading): Response {
  if (response.body === null) {
    done();
    return response;
  }
  const reader = response.body.getReader();
  let isDone = false;
  const finish = (): void => {
    if (!isDone) done();
    isDone = true;
  };
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      if (isQuiet && response.ok) controller.enqueue(new TextEncoder().encode(': connected\n\n'));
    },
    async pull(controller) {
      try {
        const { done: isEnd, value } = await reader.read();
        if (!isEnd) return controller.enqueue(value);
        finish();
        controller.close();
      } catch (error) {
        finish();
        controller.error(error);
      }
    },
    cancel(reason) {
      finish();
      return reader.cancel(reason);
    },
  });
  return new Response(body, { status: response.status, headers: response.headers });
}
