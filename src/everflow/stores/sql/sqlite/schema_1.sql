-- Format 1. A released schema file never changes: what a later format needs is schema_2.sql, which
-- starts from here. What a verb does in one statement is no part of the format: see session.sql.

CREATE TABLE store (
    id TEXT NOT NULL,
    created INTEGER NOT NULL,
    highest INTEGER NOT NULL DEFAULT 0,  -- of the workers that are forgotten
    numbered INTEGER NOT NULL DEFAULT 0  -- the highest number of a run that was let go of
) STRICT;

CREATE TABLE worker (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again, so an owner without a row is gone
    epoch INTEGER NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    since INTEGER NOT NULL,
    gone INTEGER NOT NULL DEFAULT 0,  -- 1: retired, 2: deposed, 3: deposed and no longer listed
    marks INTEGER NOT NULL DEFAULT 0,  -- how often what was taken from it changed
    about TEXT NOT NULL DEFAULT ''  -- what it says of itself to who looks
) STRICT;

-- Runs that a handoff took from a worker, until it lets go of them.
CREATE TABLE taken (
    worker INTEGER NOT NULL,
    run INTEGER NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (worker, run)
) STRICT, WITHOUT ROWID;

CREATE TABLE run (
    no INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    flow TEXT NOT NULL,
    definition TEXT NOT NULL,
    status TEXT NOT NULL,
    until TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    owner INTEGER NOT NULL,
    key TEXT,
    parent TEXT,
    labels TEXT NOT NULL,
    generation INTEGER NOT NULL DEFAULT 0,
    origin TEXT NOT NULL DEFAULT '',
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    ended INTEGER,
    due INTEGER,
    base INTEGER NOT NULL DEFAULT 0,
    cancel INTEGER NOT NULL DEFAULT 0,
    deaths INTEGER NOT NULL DEFAULT 0,
    outcome TEXT,
    mail INTEGER NOT NULL DEFAULT 0,  -- how many messages wait in its inbox
    called INTEGER NOT NULL DEFAULT 0,  -- how many of them are cancels
    woken INTEGER NOT NULL DEFAULT 0,  -- how many of them end a pause
    moving INTEGER NOT NULL DEFAULT 0,  -- and how many upgrades
    queue TEXT NOT NULL DEFAULT '',
    lane TEXT NOT NULL DEFAULT '',
    priority INTEGER NOT NULL DEFAULT 0,
    admitted INTEGER,
    leased INTEGER NOT NULL DEFAULT 0,  -- 1: only for a worker whose process holds its lease
    -- Of what is beside its entries: counted once it is above 0, by each statement that changes it
    -- (a trigger on this table would cost every run a tenth more for each change).
    rev INTEGER NOT NULL DEFAULT 0,
    -- {worker: code} of those that gave it back since their code doesn't fit it, as canonical JSON.
    unfit TEXT NOT NULL DEFAULT '{}',
    -- Of what is leased both are 2, so that whoever looks for work never meets it.
    todo INTEGER GENERATED ALWAYS AS (
        (1 + leased) * CASE status
            WHEN 'queued' THEN queue = '' OR admitted IS NOT NULL OR cancel
            WHEN 'running' THEN 1
            WHEN 'cancelling' THEN 1
            WHEN 'blocked' THEN until IN ('code', 'store') OR called > 0
            WHEN 'suspended' THEN mail > 0
            WHEN 'waiting' THEN mail > 0
            WHEN 'paused' THEN woken > 0
            ELSE 0
        END
    ) VIRTUAL,
    barred TEXT GENERATED ALWAYS AS (iif(status = 'blocked', unfit, '{}')) VIRTUAL,
    timed INTEGER GENERATED ALWAYS AS (
        (1 + leased) * (due IS NOT NULL AND status IN ('suspended', 'waiting', 'cancelling'))
    ) VIRTUAL
) STRICT;

-- Where partial, so that runs at rest cost neither space nor time: whoever looks for work walks from one
-- (owner, queue, definition, barred) to the next and never meets what it can't take.
CREATE UNIQUE INDEX run_key ON run (flow, key) WHERE key IS NOT NULL;
CREATE INDEX run_todo ON run (owner, queue, definition, barred, created) WHERE todo = 1;
CREATE INDEX run_due ON run (owner, due) WHERE timed = 1;
CREATE INDEX run_due_leased ON run (owner, due) WHERE timed = 2;
CREATE INDEX run_called ON run (created) WHERE called + moving > 0;
CREATE INDEX run_created ON run (created);
CREATE INDEX run_parent ON run (parent) WHERE parent IS NOT NULL;
CREATE INDEX run_revised ON run (no) WHERE rev > 0;
CREATE INDEX run_status ON run (status, created);
-- Who waits for a place in a queue, lane by lane, the first of each first; and who has one.
CREATE INDEX run_waiting ON run (queue, lane, priority DESC, created)
WHERE queue <> '' AND admitted IS NULL AND status = 'queued' AND cancel = 0;
CREATE INDEX run_admitted ON run (queue, admitted) WHERE queue <> '' AND admitted IS NOT NULL;
CREATE INDEX run_lane ON run (queue, lane, admitted) WHERE queue <> '' AND admitted IS NOT NULL;
CREATE INDEX run_placed ON run (queue, lane)
WHERE queue <> '' AND admitted IS NOT NULL AND status NOT IN ('done', 'failed', 'cancelled', 'handed_off');

-- Append-only in the order of writing, found by its unique index: clustered by (run, seq) each row
-- would dirty a page of its own (measured: 41,000 rows/s against 136,000 to 220,000).
CREATE TABLE entry (
    run INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    body TEXT NOT NULL,
    sum INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX entry_place ON entry (run, seq);

CREATE TABLE question (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    tag TEXT NOT NULL,
    occurrence INTEGER NOT NULL,
    op TEXT NOT NULL,
    position TEXT NOT NULL,
    at INTEGER NOT NULL,
    due INTEGER,
    prompt TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'open',
    key TEXT,
    schema TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX question_place ON question (run, tag, occurrence);
CREATE INDEX question_open ON question (id) WHERE state = 'open';
CREATE INDEX question_tag ON question (tag, run) WHERE state = 'open';
-- An answer's key is looked up by tag, however often the tag was asked.
CREATE INDEX question_key ON question (run, tag, key) WHERE key IS NOT NULL;

CREATE TABLE inbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- grows with time even when the inbox was empty
    run INTEGER NOT NULL,
    kind TEXT NOT NULL,
    message TEXT NOT NULL
) STRICT;
CREATE INDEX inbox_run ON inbox (run);
CREATE TRIGGER inbox_filled AFTER INSERT ON inbox BEGIN
    UPDATE run SET
        mail = mail + 1, rev = rev + (rev > 0), called = called + (NEW.kind = 'cancel'),
        woken = woken + (NEW.kind = 'unpause'),
        moving = moving + (NEW.kind = 'upgrade'),
        unfit = iif(NEW.kind IN ('cancel', 'pause', 'unpause', 'upgrade'), '{}', unfit)
    WHERE no = NEW.run;
END;
CREATE TRIGGER inbox_emptied AFTER DELETE ON inbox BEGIN
    UPDATE run SET
        mail = mail - 1, rev = rev + (rev > 0), called = called - (OLD.kind = 'cancel'),
        woken = woken - (OLD.kind = 'unpause'),
        moving = moving - (OLD.kind = 'upgrade')
    WHERE no = OLD.run;
END;

-- Keys of signals that a run took, the last ones in their order.
CREATE TABLE heard (
    run INTEGER NOT NULL,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    nth INTEGER NOT NULL,
    PRIMARY KEY (run, name, key)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX heard_order ON heard (run, nth);

CREATE TABLE record (
    version INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    at INTEGER NOT NULL,
    due INTEGER
) STRICT;
CREATE UNIQUE INDEX record_key ON record (kind, key);
CREATE INDEX record_due ON record (kind, due, key) WHERE due IS NOT NULL;

CREATE TABLE definition (
    hash TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT;

-- Outcomes that an accepted cancel refused, of each worker's last batch, so that it gets the same
-- answer when it is sent again.
CREATE TABLE refusal (
    worker INTEGER NOT NULL,
    place INTEGER NOT NULL,
    run INTEGER NOT NULL,
    PRIMARY KEY (worker, place)
) STRICT, WITHOUT ROWID;
