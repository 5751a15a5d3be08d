import { posix } from 'node:path';

const UNKNOWN = 'application/octet-stream';

/** Extensions by type; text is always UTF-8 in a workspace that says nothing else. */
const types: Readonly<Record<string, string>> = {
  'application/epub+zip': 'epub',
  'application/gzip': 'gz tgz',
  'application/javascript': 'js mjs cjs',
  'application/json': 'json map ipynb',
  'application/msword': 'doc',
  'application/pdf': 'pdf',
  'application/sql': 'sql',
  'application/toml': 'toml',
  'application/vnd.apache.parquet': 'parquet',
  'application/vnd.ms-excel': 'xls',
  'application/vnd.openxmlformats-officedocument.presentationml.presentation': 'pptx',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': 'xlsx',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': 'docx',
  'application/vnd.sqlite3': 'sqlite sqlite3 db',
  'application/wasm': 'wasm',
  'application/x-7z-compressed': '7z',
  'application/x-bzip2': 'bz2',
  'application/x-ndjson': 'ndjson jsonl',
  'application/x-sh': 'sh bash',
  'application/x-tar': 'tar',
  'application/x-xz': 'xz',
  'application/xml': 'xml xsd xsl',
  'application/yaml': 'yaml yml',
  'application/zip': 'zip whl jar',
  'application/zstd': 'zst',
  'audio/mpeg': 'mp3',
  'audio/ogg': 'ogg oga opus',
  'audio/wav': 'wav',
  'font/ttf': 'ttf',
  'font/woff2': 'woff2',
  'image/avif': 'avif',
  'image/bmp': 'bmp',
  'image/gif': 'gif',
  'image/jpeg': 'jpg jpeg',
  'image/png': 'png',
  'image/svg+xml': 'svg',
  'image/tiff': 'tif tiff',
  'image/webp': 'webp',
  'image/x-icon': 'ico',
  'text/css': 'css',
  'text/csv': 'csv',
  'text/html': 'html htm',
  'text/markdown': 'md markdown',
  'text/plain': 'txt log text conf cfg ini diff patch rst tex c h cc cpp hpp rs go java kt rb php pl lua r swift',
  'text/tab-separated-values': 'tsv',
  'text/typescript': 'ts tsx mts cts',
  'text/x-python': 'py pyi',
  'video/mp4': 'mp4 m4v',
  'video/quicktime': 'mov',
  'video/webm': 'webm',
};

const byExtension = new Map(
  Object.entries(types).flatMap(([type, extensions]) => extensions.split(' ').map(name => [name, type] as const)),
);

/** The type a file's name promises; its content is never looked at. */
export function contentTypeOf(path: string): string {
  return byExtension.get(posix.extname(path).slice(1).toLowerCase()) ?? UNKNOWN;
}
