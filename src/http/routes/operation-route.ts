type Json = Record<string, unknown>;

/** One route of `/api` that is an operation under another spelling. */
export interface OperationRoute {
  /** Method and path; what stands in the path under a name becomes the argument of that name. */
  readonly at: `${'GET' | 'POST' | 'PATCH' | 'DELETE'} /api/${string}`;
  readonly operation: string;
  /** Of a success; 204 has no body. */
  readonly status: 200 | 201 | 202 | 204;
  /** The part of the output that is the body; absent: all of it. */
  readonly body?: string;
  /** Arguments of the operation, where they are not what came in query, body and path under the same names. */
  readonly argumentsOf?: (given: Json) => Json;
}

type Row = readonly [
  at: OperationRoute['at'],
  operation: string,
  particular?: Pick<OperationRoute, 'body' | 'argumentsOf'>,
];

/** Routes that answer a success with this status. */
export const routesWith = (status: OperationRoute['status'], rows: readonly Row[]): OperationRoute[] =>
  rows.map(([at, operation, particular]) => ({ at, operation, status, ...particular }));
