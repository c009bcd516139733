-- Format 1. A released schema file never changes: what a later format needs is schema_2.sql, which
-- starts from here. What a verb does in one statement is no part of the format: see the code files.
-- `everflow.` stands for the schema that the store was given. Texts are compared by code points
-- (COLLATE "C"); where one may hold a NUL, which PostgreSQL can't, it is stored as the store marks it.

CREATE TABLE everflow.store (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    id text NOT NULL,
    format integer NOT NULL,
    needs integer NOT NULL DEFAULT 1,  -- the oldest format whose releases may still work here
    created bigint NOT NULL,
    highest bigint NOT NULL DEFAULT 0,  -- of the workers that are forgotten
    era integer NOT NULL DEFAULT 1,  -- of the runs that begin now, see entry
    fleet text NOT NULL DEFAULT '',  -- who works here, so that another fleet is told
    place text NOT NULL  -- the server and database in which it was made: a copy of it is told apart
);

-- How often others were told that there is something to see.
CREATE SEQUENCE everflow.told AS bigint;

-- When each era began.
CREATE TABLE everflow.era (
    era integer PRIMARY KEY,
    began bigint NOT NULL
);

-- The era of a run that begins now. Who begins one in an era that is let go of meanwhile fails, or
-- is found before the era is dropped.
CREATE FUNCTION everflow.present_era() RETURNS integer STABLE LANGUAGE sql AS $$
    SELECT era FROM everflow.store
$$;

CREATE TABLE everflow.worker (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    epoch integer NOT NULL DEFAULT 1,
    number bigint NOT NULL DEFAULT 0,
    at bigint NOT NULL DEFAULT 0,
    host text NOT NULL,
    pid bigint NOT NULL,
    since bigint NOT NULL,
    gone smallint NOT NULL DEFAULT 0,  -- 1: retired, 2: deposed, 3: deposed and no longer listed
    refused bigint[] NOT NULL DEFAULT '{}',  -- what was of its last batch, to be told once more
    marks bigint NOT NULL DEFAULT 0,  -- how often what was taken from it changed
    node text NOT NULL DEFAULT '',  -- the folder of boards that it has, which tells hosts apart
    flights bigint[] NOT NULL DEFAULT '{}',  -- its board, for those who can't read that folder
    about text NOT NULL DEFAULT ''  -- what it says of itself to who looks
) WITH (fillfactor = 50);

-- Heartbeats: no loss of the server's is worth a wait for its disk.
CREATE UNLOGGED TABLE everflow.pulse (
    worker bigint PRIMARY KEY,
    beat bigint NOT NULL
) WITH (fillfactor = 50);

-- Runs that a handoff took from a worker, until it lets go of them.
CREATE TABLE everflow.taken (
    worker bigint NOT NULL,
    run bigint NOT NULL,
    id text NOT NULL,
    PRIMARY KEY (worker, run)
);

CREATE SEQUENCE everflow.run_no AS bigint MAXVALUE 4294967295;

CREATE TABLE everflow.run (
    no bigint PRIMARY KEY,
    created bigint NOT NULL,
    updated bigint NOT NULL,
    ended bigint,
    due bigint,
    owner bigint NOT NULL,
    admitted bigint,
    generation integer NOT NULL DEFAULT 0,
    base integer NOT NULL DEFAULT 0,
    deaths integer NOT NULL DEFAULT 0,
    -- How many of its workers died in a row whose boards the next one couldn't read; 2: or more.
    orphaned smallint NOT NULL DEFAULT 0,
    priority integer NOT NULL DEFAULT 0,
    era integer NOT NULL,
    mail integer NOT NULL DEFAULT 0,  -- how many messages wait in its inbox
    called integer NOT NULL DEFAULT 0,  -- how many of them are cancels
    woken integer NOT NULL DEFAULT 0,  -- how many of them end a pause
    moving integer NOT NULL DEFAULT 0,  -- and how many upgrades
    rev integer NOT NULL DEFAULT 0,  -- of what is beside its entries: counted once it is above 0
    cancel boolean NOT NULL DEFAULT false,
    leased boolean NOT NULL DEFAULT false,  -- only for a worker whose process holds its lease
    status text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    flow text COLLATE "C" NOT NULL,
    definition text COLLATE "C" NOT NULL,
    until text COLLATE "C" NOT NULL DEFAULT '',
    reason text COLLATE "C" NOT NULL DEFAULT '',
    key text COLLATE "C",
    parent text COLLATE "C",
    queue text COLLATE "C" NOT NULL DEFAULT '',
    lane text COLLATE "C" NOT NULL DEFAULT '',
    origin text COLLATE "C" NOT NULL DEFAULT '',
    -- {worker: code} of those that gave it back since their code doesn't fit it, sorted by worker.
    unfit text COLLATE "C" NOT NULL DEFAULT '{}',
    labels jsonb NOT NULL DEFAULT '{}',
    outcome text COLLATE "C",
    -- Of what is leased both are 2, so that whoever looks for work never meets it.
    todo smallint NOT NULL GENERATED ALWAYS AS (
        (CASE WHEN leased THEN 2 ELSE 1 END) * (CASE status
            WHEN 'queued' THEN
                CASE WHEN queue = '' OR admitted IS NOT NULL OR cancel THEN 1 ELSE 0 END
            WHEN 'running' THEN 1
            WHEN 'cancelling' THEN 1
            WHEN 'blocked' THEN
                CASE WHEN until IN ('code', 'store') OR called > 0 THEN 1 ELSE 0 END
            WHEN 'suspended' THEN CASE WHEN mail > 0 THEN 1 ELSE 0 END
            WHEN 'waiting' THEN CASE WHEN mail > 0 THEN 1 ELSE 0 END
            WHEN 'paused' THEN CASE WHEN woken > 0 THEN 1 ELSE 0 END
            ELSE 0
        END)
    ) STORED,
    timed smallint NOT NULL GENERATED ALWAYS AS (
        (CASE WHEN leased THEN 2 ELSE 1 END)
        * (CASE WHEN due IS NOT NULL AND status IN ('suspended', 'waiting', 'cancelling')
           THEN 1 ELSE 0 END)
    ) STORED,
    -- A sum of it: what an index bears has a bound, and there may be any number of living workers.
    barred text COLLATE "C" NOT NULL GENERATED ALWAYS AS (
        CASE WHEN status = 'blocked' AND unfit <> '{}' THEN
            hashtextextended(unfit COLLATE "C", 1)::text
            || hashtextextended(unfit COLLATE "C", 2)::text
        ELSE '' END
    ) STORED
) WITH (fillfactor = 80);

-- Where partial, so that runs at rest cost neither space nor time: whoever looks for work walks from
-- one (owner, queue, definition, barred) to the next and never meets what it can't take.
CREATE UNIQUE INDEX run_id ON everflow.run (id);
CREATE UNIQUE INDEX run_key ON everflow.run (flow, key) WHERE key IS NOT NULL;
CREATE INDEX run_todo ON everflow.run (owner, queue, definition, barred, created, no)
WHERE todo = 1;
CREATE INDEX run_due ON everflow.run (owner, queue, definition, due, no) WHERE timed = 1;
CREATE INDEX run_due_leased ON everflow.run (owner, due, no) WHERE timed = 2;
CREATE INDEX run_mail ON everflow.run (owner) WHERE mail > 0;
CREATE INDEX run_called ON everflow.run (created, no) WHERE called + moving > 0;
CREATE INDEX run_created ON everflow.run (created, no);
CREATE INDEX run_parent ON everflow.run (parent) WHERE parent IS NOT NULL;
CREATE INDEX run_status ON everflow.run (status, created, no);
CREATE INDEX run_flow ON everflow.run (flow, created, no);
CREATE INDEX run_queue ON everflow.run (queue, created, no) WHERE queue <> '';
CREATE INDEX run_revised ON everflow.run (no) WHERE rev > 0;
CREATE INDEX run_labels ON everflow.run USING gin (labels jsonb_path_ops) WHERE labels <> '{}';
-- Who waits for a place in a queue, lane by lane, the first of each first; and who has one.
CREATE INDEX run_waiting ON everflow.run (queue, lane, priority DESC, created, no)
WHERE queue <> '' AND admitted IS NULL AND status = 'queued' AND NOT cancel;
CREATE INDEX run_admitted ON everflow.run (queue, admitted)
WHERE queue <> '' AND admitted IS NOT NULL;
CREATE INDEX run_lane ON everflow.run (queue, lane, admitted)
WHERE queue <> '' AND admitted IS NOT NULL;
CREATE INDEX run_placed ON everflow.run (queue, lane)
WHERE
    queue <> '' AND admitted IS NOT NULL
    AND status NOT IN ('done', 'failed', 'cancelled', 'handed_off');

-- The journal, a partition for each era: an entry is of the era in which its run began. What an era
-- holds can be let go of at once, by detaching it, when what still goes on was moved out of it.
CREATE TABLE everflow.entry (
    era integer NOT NULL,
    run bigint NOT NULL,
    seq integer NOT NULL,
    sum bigint NOT NULL,
    body text COLLATE "C" NOT NULL
) PARTITION BY LIST (era);
CREATE UNIQUE INDEX entry_place ON everflow.entry (run, seq, era);
CREATE TABLE everflow.entry_1 PARTITION OF everflow.entry FOR VALUES IN (1);

CREATE TABLE everflow.question (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run bigint NOT NULL,
    at bigint NOT NULL,
    due bigint,
    occurrence bigint NOT NULL,
    tag text COLLATE "C" NOT NULL,
    op text COLLATE "C" NOT NULL,
    position text COLLATE "C" NOT NULL,
    prompt text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL DEFAULT 'open',
    key text COLLATE "C",
    schema text COLLATE "C" NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX question_place ON everflow.question (run, tag, occurrence);
-- For who lists what is open, which says `id > 0`: a plan that was made when nothing was open would
-- look through them for the questions of a single run.
CREATE INDEX question_open ON everflow.question (id) WHERE state = 'open' AND id > 0;
CREATE INDEX question_tag ON everflow.question (tag, id) INCLUDE (run)
WHERE state = 'open' AND id > 0;
-- And for who asks what is open of a run.
CREATE INDEX question_waiting ON everflow.question (run, tag) WHERE state = 'open';
-- An answer's key is looked up by tag, however often the tag was asked.
CREATE INDEX question_key ON everflow.question (run, tag, key) WHERE key IS NOT NULL;

-- Ids are drawn before they can be seen, so that one may be seen after a higher one: `written` tells
-- a reader which of those below an id it can't have seen yet.
CREATE TABLE everflow.inbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run bigint NOT NULL,
    written xid8 NOT NULL DEFAULT pg_current_xact_id(),
    kind text COLLATE "C" NOT NULL,
    tag text COLLATE "C",  -- of an early answer
    message text COLLATE "C" NOT NULL
);
CREATE INDEX inbox_run ON everflow.inbox (run);  -- not by id: that is looked up by its own index

-- Keys of signals that a run took, the last ones in their order.
CREATE TABLE everflow.heard (
    run bigint NOT NULL,
    nth integer NOT NULL,
    name text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    PRIMARY KEY (run, name, key)
);
CREATE UNIQUE INDEX heard_order ON everflow.heard (run, nth);

CREATE TABLE everflow.record (
    version bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- never used again
    at bigint NOT NULL,
    due bigint,
    kind text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    body text COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX record_key ON everflow.record (kind, key);
CREATE INDEX record_due ON everflow.record (kind, due, key) WHERE due IS NOT NULL;

CREATE TABLE everflow.definition (
    hash text COLLATE "C" PRIMARY KEY,
    body text COLLATE "C" NOT NULL
);

-- Runs and questions as they are shown; the columns are read by their places (see rows.py), and what
-- a later format adds comes last.
CREATE VIEW everflow.run_shown AS
SELECT
    no, id, flow, definition, status, until, reason,
    -- What a retired or forgotten worker owned is nobody's: retiring needn't touch its runs.
    CASE
        WHEN owner <> 0 AND EXISTS (
            SELECT FROM everflow.worker WHERE worker.id = run.owner AND gone <> 1
        )
        THEN owner ELSE 0
    END AS owner,
    key, parent, labels, generation, origin, created, updated, ended, due, base, cancel, deaths,
    outcome, queue, lane, priority, admitted, leased, era
FROM everflow.run;

CREATE VIEW everflow.question_shown AS
SELECT
    question.run AS no, run.id AS run, run.flow, run.definition, question.tag, question.occurrence,
    question.op, question.position, question.at, question.due, question.prompt, question.state,
    question.key, question.schema, question.id
FROM everflow.question JOIN everflow.run ON run.no = question.run;
