import type { Database } from 'better-sqlite3';
import { PLACES } from './schema.ts';

/**
 * Agents remove transcripts after a while (Claude Code: 30 days); the index keeps its copy of their text. Sessions whose files have
 * been gone since before `before` (epoch milliseconds) are removed here; their number.
 */
export function pruneGone(database: Database, before: number): number {
  const old = database
    .prepare<[number], number>('select s.id from session s join file f on f.id = s.file where f.gone_at < ?')
    .pluck()
    .all(before);
  const statements = [
    ...['message', 'tree', 'relink', 'call', 'total'].map(table => `delete from ${table} where session = ?`),
    'delete from session where id = ?',
  ].map(sql => database.prepare(sql));
  const documents = database
    .prepare<[number, number], number>('select rowid from document where rowid between ? and ?')
    .pluck();
  const removeDocument = database.prepare('delete from document where rowid = ?');
  database.transaction(() => {
    for (const session of old) {
      const first = session * PLACES;
      for (const document of documents.all(first, first + PLACES - 1)) removeDocument.run(document);
      for (const statement of statements) statement.run(session);
    }
    database
      .prepare('delete from file where gone_at < ? and id not in (select file from session where file is not null)')
      .run(before);
    if (old.length > 0) {
      // Readers hold sessions in memory: this tells them to look at all of them again.
      database.prepare(`insert into meta values ('removals', 1) on conflict do update set value = value + 1`).run();
    }
  })();
  return old.length;
}
