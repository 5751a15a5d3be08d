/** The version of the tables and of what is read into them; another one is built anew from the transcripts. */
export const INDEX_VERSION = 1;

/**
 * A message's id is its session's times this, plus its place, and the row of its words has the same. So what matches a search is
 * grouped by session without looking anything up.
 */
export const PLACES = 2 ** 20;

export const tables = `
create table meta (key text primary key, value) without rowid;

create table file (
  id integer primary key,
  path text not null unique,
  agent text not null,
  device integer not null,
  inode integer not null,
  size integer not null,
  mtime real not null,
  offset integer not null,
  -- Of the first bytes and the last that were read: tells a file that grew from one that was written anew.
  print text not null,
  state text not null,
  bad integer not null,
  unknown integer not null,
  gone_at integer
);

create table project (
  id integer primary key,
  path text not null unique,
  slug text not null unique
);

create table session (
  id integer primary key,
  uid text not null unique,
  agent text not null,
  agent_id text not null,
  project integer references project,
  file integer references file,
  title text not null,
  title_rank integer not null,
  cwd text not null,
  created_at integer not null,
  updated_at integer not null,
  model text,
  permission_mode text,
  forked_from text,
  family integer not null,
  messages integer not null,
  places integer not null,
  -- Rises with every change of any session.
  revision integer not null,
  unique (agent, agent_id)
);
create index session_revision on session (revision);
create index session_family on session (family);
create index session_forked_from on session (agent, forked_from) where forked_from is not null;

create table message (
  id integer primary key,
  session integer not null,
  uid text not null,
  parent text,
  role text not null,
  flags integer not null,
  time integer not null,
  model text,
  answer text,
  parts text not null
);
create unique index message_uid on message (session, uid);

-- Entries of the conversation's tree that are no messages, a bundle for each time a file was read.
create table tree (session integer not null, place integer not null, entries text not null, primary key (session, place)) without rowid;
create table relink (session integer not null, place integer not null, change text not null, primary key (session, place)) without rowid;

create table call (
  agent text not null,
  id text not null,
  session integer not null,
  model text not null,
  time integer not null,
  input integer not null,
  output integer not null,
  cache_read integer not null,
  cache_write integer not null,
  cost real,
  is_copy integer not null,
  primary key (agent, id)
) without rowid;
create index call_session on call (session);

create table total (
  session integer not null,
  start_time integer not null,
  day integer not null,
  cost real not null,
  input integer not null,
  output integer not null,
  models text not null,
  primary key (session, start_time, day)
) without rowid;

-- Words only: texts are in the messages. A message that used tools has words in two columns.
create virtual table document using fts5 (
  user, assistant, tool, content='', contentless_delete=1, tokenize="unicode61 remove_diacritics 2"
);
`;

/** Bits of `message.flags`. */
export const SIDECHAIN = 1;
export const META = 2;
/** It brings results of tools. */
export const RESULT = 4;
