// @supabase/stripe-sync-engine as its README has it, with one connection.
import { createRequire } from "node:module";
import { given, run } from "./client.mjs";

// Its ES module cannot migrate (0.48.5: __dirname is not defined), its CommonJS build can.
const { runMigrations, StripeSync } = createRequire(import.meta.url)("@supabase/stripe-sync-engine");

// It tells its logger of a failure, and nobody else.
const failing = {
  info() {},
  error(problem) {
    console.error(problem);
    process.exitCode = 1;
  },
};

await run(
  () => runMigrations({ databaseUrl: given.database, schema: "stripe", logger: failing }),
  () => {
    const sync = new StripeSync({
      poolConfig: { connectionString: given.database, max: 1 },
      stripeSecretKey: "sk_bench",
      stripeWebhookSecret: given.secret,
    });
    return {
      once: ({ body, signature }) => sync.processWebhook(body, signature),
      close: () => sync.postgresClient.pool.end(),
    };
  },
);
