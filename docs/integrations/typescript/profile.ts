// A member's profile as Hashpact writes it (docs/formats/home.md), and calls over its channel.
import { createPrivateKey, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Client, credentials, loadPackageDefinition, type ServiceClientConstructor } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const PROTO = resolve(process.env.HASHPACT_PROTO ?? "../../../proto"); // the directory `proto` of Hashpact
const DEADLINE = 10_000; // milliseconds

type Method = (request: object, options: object, done: (error: Error | null, answer: any) => void) => void;

export class Profile {
  constructor(readonly directory: string) {}

  // profile.toml has one `name = "value"` a line; only log_key, which is not read here, is a list.
  value(name: string): string {
    const found = this.read("profile.toml").match(new RegExp(`^${name} = "([^"]*)"`, "m"));
    if (!found) throw new Error(`${this.directory}/profile.toml has no ${name}`);
    return found[1];
  }

  // Opens the first private key of a PEM file; HASHPACT_PASSPHRASE matters only if it is encrypted.
  privateKey(file: string): KeyObject {
    return createPrivateKey({ key: this.read(file), passphrase: process.env.HASHPACT_PASSPHRASE });
  }

  // Calls a method of the wire protocol. Fields have the names of the .proto files.
  async call(service: string, method: string, request: object): Promise<any> {
    const proto = loadSync(["check", "log"].map((name) => `hashpact/wire/v1/${name}.proto`), {
      includeDirs: [PROTO], keepCase: true, longs: String, defaults: true,
    });
    const found = (loadPackageDefinition(proto) as any).hashpact.wire.v1[service] as ServiceClientConstructor;
    const client: Client = new found(process.env.HASHPACT_ADDRESS ?? this.value("address"), this.channel());
    const send = (client as unknown as Record<string, Method>)[method].bind(client);
    const deadline = Date.now() + DEADLINE;
    try {
      return await new Promise((done, failed) =>
        send(request, { deadline }, (error, answer) => (error ? failed(error) : done(answer))));
    } finally {
      client.close();
    }
  }

  // Mutual TLS. tls.pem is the private key and then the certificate; gRPC wants them apart, the key in clear.
  private channel() {
    const key = this.privateKey("tls.pem").export({ type: "pkcs8", format: "pem" }) as string;
    const pem = this.read("tls.pem");
    const certificate = pem.slice(pem.indexOf("-----BEGIN CERTIFICATE-----"));
    return credentials.createSsl(Buffer.from(this.read("ca.crt")), Buffer.from(key), Buffer.from(certificate));
  }

  private read(file: string): string {
    return readFileSync(join(this.directory, file), "utf8");
  }
}
