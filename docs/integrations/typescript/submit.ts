// node build/submit.js PROFILE FILE LABEL: shares the file's SHA-256 and prints the index of its leaf.
// The bytes are those of docs/formats/statement.md. The receipt is not verified here: the SDK does that.
import { createHash, createPublicKey, randomBytes, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { Profile } from "./profile.js";

const sha256 = (...parts: (string | Buffer)[]) =>
  parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();
const lines = (...text: string[]) => text.map((line) => `${line}\n`).join("");

const [directory, file, label] = process.argv.slice(2);
const profile = new Profile(directory);
const member = profile.value("member");
const keyName = profile.value("key");
const key = profile.privateKey(`member-${keyName}.key`);
const raw = Buffer.from(createPublicKey(key).export({ format: "jwk" }).x as string, "base64url");
const now = Math.floor(Date.now() / 1000).toString();

// The private part, which only members receive, and the statement, which commits to it by its hash.
const part = lines(
  "hashpact/private/v1",
  "type sha256/1",
  `value ${sha256(readFileSync(file)).toString("hex")}`,
  `nonce ${randomBytes(32).toString("hex")}`,
);
const text = lines(
  "hashpact/statement/v1",
  `log ${profile.value("origin")}`,
  "kind submit",
  `member ${member}`,
  `key ${sha256(Buffer.of(1), raw).toString("hex")}`,
  `request ${randomBytes(16).toString("hex")}`,
  `time ${now}`,
  `label ${label}`,
  "basis guideline",
  `removed ${now}`,
  `item ${sha256(part).toString("hex")}`,
);

// The C2SP signed note: the text, an empty line, and a signature line with the key's 4-byte id.
const name = `${member}/${keyName}`;
const id = sha256(`${name}\n`, Buffer.of(1), raw).subarray(0, 4);
const signature = sign(null, Buffer.from(text), key);
const statement = `${text}\n\u2014 ${name} ${Buffer.concat([id, signature]).toString("base64")}\n`;

// To try again after a lost answer, send the same bytes: they give the same receipt. Others make a second entry.
const answer = await profile.call("LogService", "Append", {
  statement: Buffer.from(statement),
  private: [Buffer.from(part)],
});
console.log(answer.receipt.index);
