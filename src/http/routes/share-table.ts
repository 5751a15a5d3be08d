import { type OperationRoute, routesWith } from './operation-route.ts';

/** What callers share with others. */
export const shareRoutes: readonly OperationRoute[] = [
  ...routesWith(200, [
    ['GET /api/shares', 'share_list'],
    ['DELETE /api/shares/:share_id', 'share_revoke'],
  ]),
  ...routesWith(201, [['POST /api/shares', 'share_create']]),
];
