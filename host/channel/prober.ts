/** Sends a sync behind what an agent has not answered, again and again for as long as it is silent. */

/**
 * What is sent to an agent that is killed, or to a port that nobody has opened, is lost, and its reply never comes. Agents answer in
 * order: the reply to a later sync shows that an earlier command was lost.
 */
const probeMs = 500;

export interface Prober {
  begin(): void;
  /** Bytes have arrived: an agent that sends is not lost, and would have to answer each sync. */
  heard(): void;
  end(): void;
}

export function createProber(sendSync: () => void): Prober {
  let isHeard = false;
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    if (timer !== undefined && !isHeard) sendSync();
    isHeard = false;
  }

  return {
    begin() {
      isHeard = false;
      // After a busy event loop, what has arrived meanwhile is read first.
      timer = setInterval(() => setImmediate(look), probeMs);
    },
    heard: () => (isHeard = true),
    end() {
      clearInterval(timer);
      timer = undefined;
    },
  };
}
