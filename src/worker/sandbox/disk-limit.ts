import { AppError } from '../../errors/app-error.ts';

/** boxd says that the disk is full, but not how large it is: it does not know. */
export function namingDiskLimit(error: unknown, diskMb: number): unknown {
  if (!(error instanceof AppError) || error.code !== 'DISK_FULL') return error;
  return new AppError('DISK_FULL', `the workspace's disk is full: disk_mb is ${diskMb}`, {
    cause: error,
    details: { ...error.details, disk_mb: diskMb },
  });
}
