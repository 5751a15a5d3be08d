import { gatherContract } from './contract/gathering.ts';
import { requestContract } from './contract/requests.ts';
import { type FabricUnderTest, withFabricOf } from './contract/support.ts';
import { topicContract } from './contract/topics.ts';

/** What every fabric must do; registers its tests under `name`. */
export function fabricContract(name: string, open: () => Promise<FabricUnderTest>): void {
  const withFabric = withFabricOf(open);
  requestContract(name, withFabric);
  gatherContract(name, withFabric);
  topicContract(name, withFabric);
}
