import type { Fabric } from '../fabric.ts';
import type { Identity } from '../identity.ts';

export interface FabricUnderTest {
  connect(identity: Identity): Promise<Fabric>;
  close(): Promise<void>;
}

type FabricTest = (hub: Fabric, worker: Fabric, all: FabricUnderTest) => Promise<void>;

/** Makes the body of a test from what to do with the hub `h1` and the worker `w1`. */
export type WithFabric = (test: FabricTest) => () => Promise<void>;

export const withFabricOf =
  (open: () => Promise<FabricUnderTest>): WithFabric =>
  test =>
  async () => {
    const all = await open();
    try {
      await test(await all.connect({ hub: 'h1' }), await all.connect({ worker: 'w1' }), all);
    } finally {
      await all.close();
    }
  };

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (body: Uint8Array): string => new TextDecoder().decode(body);
export const echo = async (body: Uint8Array): Promise<Uint8Array> => body;
export const silent = (): Promise<Uint8Array> => new Promise(() => {});
/** Longer than any test takes: whoever waits this long fails by the runner's own time-out. */
export const long = 60_000;
