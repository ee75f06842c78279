// node build/check.js PROFILE FILE: which entries have these very bytes? Prints a line for each match.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Profile } from "./profile.js";

const [directory, file] = process.argv.slice(2);
const value = createHash("sha256").update(readFileSync(file)).digest();
const answer = await new Profile(directory).call("CheckService", "Check", {
  queries: [{ fingerprint: { type: "sha256/1", value } }],
});
for (const match of answer.matches) console.log(`${match.entry} ${match.labels.join(",")} by ${match.member}`);
