/** The name of a project's directory, as Claude Code makes it of its path; several paths may have the same. */
export const slugOf = (path: string): string => path.replaceAll(/[^a-zA-Z0-9]/g, '-');
