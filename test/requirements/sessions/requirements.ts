import type { Requirement } from '../requirement.ts';

/** Every row of the sessions contract. */
export const requirements: readonly Requirement[] = [];
