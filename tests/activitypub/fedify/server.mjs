// A server of the fediverse that isn't ours, for the tests: two instances of Fedify on loopback.
//
// "new" signs by RFC 9421 first. "old" signs by draft-cavage first and, as servers did for years,
// refuses what is signed by RFC 9421. Both record what arrives at their inboxes and was verified.
// The first line of the output says where everything is; `word` of the command line is given back
// there and in each answer of the control port, so that who asks knows this server for its own.
// It ends when its input does: with whoever started it.
import { createServer } from "node:http";
import { Readable } from "node:stream";
import { createFederation, generateCryptoKeyPair, MemoryKvStore } from "@fedify/fedify";
import { Activity, Create, Endpoints, Follow, Like, Note, Person, Undo } from "@fedify/fedify/vocab";

const HOST = "127.0.0.1";
const word = process.argv[1];
const PUBLIC = new URL("https://www.w3.org/ns/activitystreams#Public");

// Fedify's own keys have 4,096 bits, which take seconds to make.
const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: "SHA-256",
};

async function keyPairs() {
  return await Promise.all([
    crypto.subtle.generateKey(RSA, true, ["sign", "verify"]),
    generateCryptoKeyPair("Ed25519"),
  ]);
}

class Side {
  heard = [];
  refused = 0;
  keys = new Map();

  constructor(name) {
    this.name = name;
    this.old = name === "old";
  }

  async up() {
    this.listener = createServer((request, response) =>
      this.serve(request, response).catch((error) => {
        console.error(error);
        response.writeHead(500).end(String(error));
      }),
    );
    this.address = await listening(this.listener);
    this.federation = createFederation({
      kv: new MemoryKvStore(),
      origin: this.address,
      allowPrivateAddress: true,
      firstKnock: this.old ? "draft-cavage-http-signatures-12" : "rfc9421",
    });
    this.federation
      .setActorDispatcher("/users/{identifier}", (context, identifier) =>
        this.actor(context, identifier),
      )
      .setKeyPairsDispatcher(async (_context, identifier) => {
        if (!this.keys.has(identifier)) this.keys.set(identifier, await keyPairs());
        return this.keys.get(identifier);
      });
    this.federation
      .setInboxListeners("/users/{identifier}/inbox", "/inbox")
      .on(Activity, async (context, activity) => {
        const value = await activity.toJsonLd({ ...context, format: "compact" });
        this.heard.push({ signed: context.data.signed, inbox: context.data.path, value });
      });
    return this;
  }

  async actor(context, identifier) {
    const pairs = await context.getActorKeyPairs(identifier);
    return new Person({
      id: context.getActorUri(identifier),
      preferredUsername: identifier,
      name: identifier,
      inbox: context.getInboxUri(identifier),
      endpoints: new Endpoints({ sharedInbox: context.getInboxUri() }),
      publicKey: pairs[0].cryptographicKey,
      assertionMethods: pairs.map((pair) => pair.multikey),
    });
  }

  async serve(request, response) {
    const url = new URL(request.url, this.address);
    const signed = request.headers["signature-input"] ? "rfc9421" : "cavage";
    if (this.old && request.method === "POST" && signed === "rfc9421") {
      this.refused += 1;
      request.resume();
      response.writeHead(401).end("Request not signed");
      return;
    }
    const asked = new Request(url, {
      method: request.method,
      headers: Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
      body: request.method === "POST" ? Readable.toWeb(request) : undefined,
      duplex: "half",
    });
    const contextData = { signed, path: url.pathname };
    const answer = await this.federation.fetch(asked, { contextData });
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(Buffer.from(await answer.arrayBuffer()));
  }

  async send(asked) {
    const context = this.federation.createContext(new URL(this.address), { signed: "", path: "" });
    const identifier = asked.by;
    const from = context.getActorUri(identifier);
    const to = await context.lookupObject(asked.to, {
      documentLoader: await context.getDocumentLoader({ identifier }),
    });
    if (to === null) throw new Error(`nobody is at ${asked.to}`);
    const id = new URL(asked.id ?? `${from}#${crypto.randomUUID()}`);
    const activity = this.made(asked, id, from, to.id);
    await context.sendActivity({ identifier }, to, activity);
    return { id: id.href };
  }

  made(asked, id, actor, to) {
    const follow = () => new Follow({ id, actor, object: to });
    if (asked.type === "Follow") return follow();
    if (asked.type === "Undo") {
      const object = new Follow({ id: new URL(asked.object), actor, object: to });
      return new Undo({ id, actor, object });
    }
    if (asked.type === "Like") return new Like({ id, actor, object: new URL(asked.object) });
    const object = new Note({
      id: new URL(`${id.href}-note`),
      attribution: actor,
      content: asked.content,
      tos: [PUBLIC],
    });
    return new Create({ id, actor, object, tos: [PUBLIC], ccs: [to] });
  }
}

async function listening(server) {
  await new Promise((done) => server.listen(0, HOST, done));
  return `http://${HOST}:${server.address().port}`;
}

const sides = { new: await new Side("new").up(), old: await new Side("old").up() };

const verbs = {
  heard: (side) => ({ heard: side.heard, refused: side.refused }),
  send: (side, asked) => side.send(asked),
  // Another pair of keys under the ids of the first.
  rotate: async (side, asked) => {
    side.keys.set(asked.by, await keyPairs());
    return {};
  },
};

const control = createServer(async (request, response) => {
  const [, name, verb] = request.url.split("/");
  const parts = await Array.fromAsync(request);
  try {
    const asked = JSON.parse(Buffer.concat(parts).toString() || "{}");
    const said = await verbs[verb](sides[name], asked);
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ word, ...said }));
  } catch (error) {
    response.writeHead(500).end(String(error.stack ?? error));
  }
});

process.stdin.on("end", () => process.exit(0)).resume();
console.log(
  JSON.stringify({
    word,
    control: await listening(control),
    new: sides.new.address,
    old: sides.old.address,
  }),
);
