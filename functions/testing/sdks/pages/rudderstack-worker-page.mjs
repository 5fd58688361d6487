// The page of a service worker that sends: what the page is told to do, it tells the worker.
const ask = async (...call) => {
  const { active } = await navigator.serviceWorker.ready;
  const { promise, resolve } = Promise.withResolvers();
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = resolve;
  active.postMessage(call, [port2]);
  await promise;
};

globalThis.sdk = {
  async start(target) {
    await navigator.serviceWorker.register("/rudderstack-worker.js");
    await ask("start", target);
  },
  every: () => ask("every"),
  one: () => ask("one"),
};
