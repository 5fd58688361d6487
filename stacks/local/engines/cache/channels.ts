export type Listener = (channel: string, message: string) => void;
export type Channels = ReturnType<typeof createChannels>;

/** Redis' PUBLISH and SUBSCRIBE in memory: who listens hears what is said from then on, in order, and nothing is kept. */
export function createChannels() {
  const listeners = new Map<string, Set<Listener>>();
  return {
    /** How many heard it. */
    publish: (channel: string, message: string): number => {
      const heard = [...(listeners.get(channel) ?? [])];
      for (const listener of heard) listener(channel, message);
      return heard.length;
    },
    /** Until the returned function is called. */
    subscribe: (channels: readonly string[], listener: Listener): (() => void) => {
      // A function of its own: the same listener may come twice.
      const own: Listener = (channel, message) => listener(channel, message);
      for (const channel of channels) listeners.set(channel, (listeners.get(channel) ?? new Set()).add(own));
      return () => {
        for (const channel of channels) {
          listeners.get(channel)?.delete(own);
          if (listeners.get(channel)?.size === 0) listeners.delete(channel);
        }
      };
    },
  };
}
