/**
 * The tables of the catalog, as a list of migrations. A migration is never edited once released: a
 * change is a new entry at the end. docs/FORMAT.md describes the columns for other programs.
 *
 * Times are ms since 1970, sizes are bytes, hashes are lower-case hex. A *version* is one content seen
 * under one path; it is current while `ended` is NULL. Versions are never deleted.
 */

const INITIAL = [
  `CREATE TABLE meta (
     key TEXT PRIMARY KEY,
     value TEXT NOT NULL
   ) STRICT`,
  `CREATE TABLE sources (
     id INTEGER PRIMARY KEY,
     box TEXT NOT NULL,              -- the machine that reads this folder
     name TEXT NOT NULL UNIQUE,      -- first path segment in volumes and restores
     path TEXT NOT NULL,             -- absolute, on that machine
     device TEXT,                    -- st_dev at the last good scan
     added INTEGER NOT NULL,
     scanned INTEGER,                -- end of the last complete scan
     archived INTEGER NOT NULL DEFAULT 1, -- 0 for a folder that is only mirrored: it goes into no volume
     UNIQUE (box, path)
   ) STRICT`,
  `CREATE TABLE contents (
     id INTEGER PRIMARY KEY,
     sha256 TEXT NOT NULL UNIQUE,
     size INTEGER NOT NULL,
     volume INTEGER REFERENCES volumes (id),  -- the first stored volume that holds it
     position INTEGER                         -- its row in that volume
   ) STRICT`,
  `CREATE INDEX contents_waiting ON contents (id) WHERE volume IS NULL`,
  `CREATE TABLE versions (
     id INTEGER PRIMARY KEY,
     source INTEGER NOT NULL REFERENCES sources (id),
     path TEXT NOT NULL,
     content INTEGER NOT NULL REFERENCES contents (id),
     mtime INTEGER NOT NULL,
     ctime INTEGER NOT NULL,         -- whole seconds: the finest every runtime reads
     inode TEXT NOT NULL,
     mode INTEGER NOT NULL,
     seen INTEGER NOT NULL,          -- when this version was first seen
     ended INTEGER,                  -- when it was found changed, moved or gone
     ending TEXT CHECK (ending IN ('changed', 'moved', 'gone')),
     reread INTEGER,                 -- when its file was last read again and found right
     manifest INTEGER REFERENCES volumes (id),  -- the stored volume whose manifest names it
     CHECK ((ended IS NULL) = (ending IS NULL))
   ) STRICT`,
  `CREATE UNIQUE INDEX versions_current ON versions (source, path) WHERE ended IS NULL`,
  // `ended` beside it answers "is any of them current?" for a million contents without a look at the rows.
  `CREATE INDEX versions_content ON versions (content, ended)`,
  `CREATE INDEX versions_path ON versions (source, path)`,
  `CREATE INDEX versions_unlisted ON versions (content) WHERE manifest IS NULL`,
  // Folders that hold no file. A row never changes but for its last two columns.
  `CREATE TABLE folders (
     id INTEGER PRIMARY KEY,
     source INTEGER NOT NULL REFERENCES sources (id),
     path TEXT NOT NULL,
     mtime INTEGER NOT NULL,
     seen INTEGER NOT NULL,          -- when it was first seen empty, with this time
     ended INTEGER,                  -- when it no longer was
     manifest INTEGER REFERENCES volumes (id)   -- the planned or stored volume whose manifest names it
   ) STRICT`,
  `CREATE UNIQUE INDEX folders_current ON folders (source, path) WHERE ended IS NULL`,
  `CREATE INDEX folders_manifest ON folders (manifest)`,
  `CREATE TABLE volumes (
     id INTEGER PRIMARY KEY,
     name TEXT NOT NULL UNIQUE,
     state TEXT NOT NULL CHECK (state IN ('planned', 'packed', 'stored', 'damaged', 'lost')),
     box TEXT NOT NULL,              -- the machine that builds it
     store TEXT NOT NULL,            -- URL of the store, or the folder of a packed file
     key TEXT NOT NULL,              -- object key, or file name
     created INTEGER NOT NULL,       -- also the date inside the image
     stored INTEGER,
     image_size INTEGER NOT NULL,    -- of the ISO
     object_size INTEGER NOT NULL,   -- of the object, encrypted or not
     header_size INTEGER NOT NULL,   -- age header; 0 in a plain store
     cipher TEXT CHECK (cipher = 'lomob'),  -- how another tool encrypted it; NULL: age if the key says so, else plain
     checksum TEXT,                  -- of the object, as in lib/store/checksum.ts
     file_sha256 TEXT,               -- of the image file it was packed as, or uploaded from
     manifest_size INTEGER,          -- of the manifest object; NULL where nobody noted it
     manifest_checksum TEXT,         -- as in lib/store/checksum.ts
     udf INTEGER NOT NULL,
     files INTEGER NOT NULL,
     oldest INTEGER NOT NULL,        -- mtime of the oldest file
     newest INTEGER NOT NULL
   ) STRICT`,
  `CREATE TABLE volume_files (
     volume INTEGER NOT NULL REFERENCES volumes (id),
     position INTEGER NOT NULL,      -- order in the manifest
     version INTEGER REFERENCES versions (id),
     path TEXT NOT NULL,             -- in the image
     content INTEGER NOT NULL REFERENCES contents (id),
     mtime INTEGER NOT NULL,
     mode INTEGER NOT NULL,
     offset INTEGER,                 -- byte offset of the data in the image;
                                     -- NULL for a reference to an earlier volume
     PRIMARY KEY (volume, position)
   ) STRICT, WITHOUT ROWID`,
  `CREATE INDEX volume_files_content ON volume_files (content)`,
  `CREATE TABLE staged (
     content INTEGER NOT NULL REFERENCES contents (id),
     store TEXT NOT NULL,
     key TEXT NOT NULL,
     size INTEGER NOT NULL,          -- of the object
     header_size INTEGER NOT NULL,
     checksum TEXT NOT NULL,
     time INTEGER NOT NULL,          -- when the store confirmed it
     PRIMARY KEY (content, store)
   ) STRICT, WITHOUT ROWID`,
  // Single files in mirrors: one object for each content that was ever seen under a path.
  `CREATE TABLE mirrored (
     id INTEGER PRIMARY KEY,
     store TEXT NOT NULL,
     key TEXT NOT NULL,
     folded TEXT NOT NULL,           -- the key as a disk sees it that does not tell A from a
     path TEXT NOT NULL,             -- of the file in the mirrored tree
     content INTEGER NOT NULL REFERENCES contents (id),
     mtime INTEGER NOT NULL,
     mode INTEGER NOT NULL,
     encrypted INTEGER NOT NULL,
     size INTEGER NOT NULL,          -- of the object
     header_size INTEGER NOT NULL,   -- age header; 0 for a plain object
     checksum TEXT NOT NULL,         -- of the object, as in lib/store/checksum.ts
     current INTEGER NOT NULL,       -- when the file was last found to have become this content
     stored INTEGER NOT NULL,        -- when the store confirmed the object, by its checksum
     indexed TEXT,                   -- key of the index object that says all this; NULL if none does yet
     missing INTEGER,                -- since when it is known to be gone from the store, or not ours any more
     UNIQUE (store, key),
     UNIQUE (store, folded)
   ) STRICT`,
  `CREATE INDEX mirrored_path ON mirrored (store, path, content)`,
  `CREATE INDEX mirrored_content ON mirrored (content)`,
  `CREATE INDEX mirrored_unindexed ON mirrored (store) WHERE indexed IS NULL`,
  // Staged objects that others have replaced: removed once a snapshot knows the others.
  `CREATE TABLE discarded (
     store TEXT NOT NULL,
     key TEXT NOT NULL,
     PRIMARY KEY (store, key)
   ) STRICT, WITHOUT ROWID`,
  // An object that is being sent. Holds the file key, so that the very same bytes can be made again
  // after a crash; the row goes when the object is confirmed, and snapshots leave it out.
  `CREATE TABLE uploads (
     id INTEGER PRIMARY KEY,
     box TEXT NOT NULL,
     store TEXT NOT NULL,
     key TEXT NOT NULL,
     volume INTEGER REFERENCES volumes (id),
     content INTEGER REFERENCES contents (id),
     path TEXT,                      -- in the mirror that the content goes to; NULL for staging
     size INTEGER NOT NULL,          -- of the object
     header BLOB NOT NULL,           -- age header; empty in a plain store
     file_key BLOB NOT NULL,
     nonce BLOB NOT NULL,
     token TEXT,                     -- the store's name for it, once begun
     part_size INTEGER,
     started INTEGER NOT NULL,
     UNIQUE (store, key),
     CHECK ((volume IS NULL) <> (content IS NULL)),
     CHECK (path IS NULL OR content IS NOT NULL)
   ) STRICT`,
  `CREATE TABLE upload_parts (
     upload INTEGER NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
     part INTEGER NOT NULL,
     size INTEGER NOT NULL,
     sha256 TEXT NOT NULL,           -- written down before the part leaves, and never another
     tag TEXT,                       -- the store's; NULL until it has confirmed the part
     PRIMARY KEY (upload, part)
   ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE snapshots (
     store TEXT NOT NULL,
     key TEXT NOT NULL,
     size INTEGER NOT NULL,
     checksum TEXT NOT NULL,
     time INTEGER NOT NULL,
     PRIMARY KEY (store, key)
   ) STRICT, WITHOUT ROWID`,
  // A restore that must wait for thawed objects. Rows are never removed.
  `CREATE TABLE restores (
     id INTEGER PRIMARY KEY,
     box TEXT NOT NULL,              -- the machine that restores
     target TEXT NOT NULL,           -- absolute path of the folder restored into
     overwrite INTEGER NOT NULL,     -- whether files there that differ are replaced
     tier TEXT NOT NULL,             -- how its objects are thawed
     days INTEGER NOT NULL,          -- how long they shall stay readable
     created INTEGER NOT NULL,
     ended INTEGER,
     ending TEXT CHECK (ending IN ('done', 'partly', 'cancelled')),
     CHECK ((ended IS NULL) = (ending IS NULL))
   ) STRICT`,
  `CREATE TABLE restore_files (
     restore INTEGER NOT NULL REFERENCES restores (id),
     version INTEGER NOT NULL REFERENCES versions (id),
     done INTEGER,                   -- when it was in the target folder, proven
     PRIMARY KEY (restore, version)
   ) STRICT, WITHOUT ROWID`,
  // An object that is being made readable, from the user's consent to its last use.
  `CREATE TABLE thaws (
     id INTEGER PRIMARY KEY,
     restore INTEGER NOT NULL REFERENCES restores (id),
     store TEXT NOT NULL,
     key TEXT NOT NULL,
     size INTEGER NOT NULL,          -- of the object
     tier TEXT NOT NULL,
     agreed INTEGER NOT NULL,        -- written before the store is asked
     requested INTEGER,              -- when the store had taken the request
     ready INTEGER,                  -- when it was first found readable
     until INTEGER,                  -- when the readable copy goes
     ended INTEGER,
     ending TEXT CHECK (ending IN ('fetched', 'expired', 'cancelled')),
     CHECK ((ended IS NULL) = (ending IS NULL))
   ) STRICT`,
  `CREATE UNIQUE INDEX thaws_open ON thaws (store, key) WHERE ended IS NULL`,
  // What the latest check of an object proved, and when (docs/CHECK.md). A row counts for as long as the
  // object is the one that was there then: what is stored anew under its key is later than the proof.
  `CREATE TABLE proofs (
     store TEXT NOT NULL,
     key TEXT NOT NULL,
     content INTEGER NOT NULL,       -- 0 for the whole object; else the one content in it
     level TEXT NOT NULL CHECK (level IN ('listed', 'checksummed', 'read back', 'restored')),
     time INTEGER NOT NULL,
     PRIMARY KEY (store, key, content, level)
   ) STRICT, WITHOUT ROWID`,
  // What a check or a watchful run found wrong, until it is found right again. Rows are never removed.
  `CREATE TABLE findings (
     id INTEGER PRIMARY KEY,
     scope TEXT NOT NULL,            -- the look that found it, and that alone can close it
     name TEXT NOT NULL,             -- what it is about, the same from look to look
     kind TEXT NOT NULL,
     severity TEXT NOT NULL CHECK (severity IN ('damage', 'warning')),
     message TEXT NOT NULL,
     hint TEXT,                      -- the command that mends it
     files TEXT NOT NULL,            -- JSON: paths of the files it touches
     opened INTEGER NOT NULL,
     seen INTEGER NOT NULL,          -- when it was last found so
     closed INTEGER
   ) STRICT`,
  `CREATE UNIQUE INDEX findings_open ON findings (scope, name) WHERE closed IS NULL`,
  // Which findings people were told of. No row: not told of it yet.
  `CREATE TABLE told (
     finding INTEGER PRIMARY KEY REFERENCES findings (id),
     severity TEXT NOT NULL,         -- what it was when they were told last
     last INTEGER NOT NULL,          -- when they were told last, or reminded
     closed INTEGER                  -- when they were told that it is over
   ) STRICT`,
  // Messages to people, one row per channel: waiting until sent or dropped.
  `CREATE TABLE notices (
     id INTEGER PRIMARY KEY,
     message TEXT NOT NULL,          -- names the message, the same on every channel
     channel TEXT NOT NULL,
     box TEXT NOT NULL,              -- the machine that sends it
     kind TEXT NOT NULL,
     urgency TEXT NOT NULL,
     made INTEGER NOT NULL,
     subject TEXT NOT NULL,
     body TEXT NOT NULL,
     problems TEXT NOT NULL,         -- JSON
     attempts INTEGER NOT NULL DEFAULT 0,
     tried INTEGER,                  -- the last attempt
     error TEXT,                     -- what came of it
     sent INTEGER,
     dropped INTEGER,                -- when it was given up: too old, or a newer one says the same
     UNIQUE (message, channel)
   ) STRICT`,
  `CREATE INDEX notices_waiting ON notices (box, channel) WHERE sent IS NULL AND dropped IS NULL`,
  `CREATE TABLE runs (
     id INTEGER PRIMARY KEY,
     box TEXT NOT NULL,
     job TEXT NOT NULL,
     started INTEGER NOT NULL,
     ended INTEGER,
     outcome TEXT CHECK (outcome IN ('done', 'partly', 'failed', 'interrupted')),
     summary TEXT                    -- JSON
   ) STRICT`,
];

/** Migration n brings a catalog from schema version n to n + 1. */
export const MIGRATIONS: readonly (readonly string[])[] = [INITIAL];

/** The schema version this program writes. */
export const SCHEMA_VERSION = MIGRATIONS.length;
