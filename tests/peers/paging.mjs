// Walks through lists with openai for Node, as standard input says, and writes what came of it.
import OpenAI from "openai";
import { readFileSync } from "node:fs";

const asked = JSON.parse(readFileSync(0, "utf8"));
const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());

async function walk(one) {
  const client = new OpenAI({
    baseURL: one.base_url,
    apiKey: asked.key,
    adminAPIKey: asked.key,
    maxRetries: 0,
    timeout: 20000,
  });
  const ids = [];
  try {
    const resource = one.list.split(".").reduce((part, name) => part[camel(name)], client);
    const page = await resource.list(...(one.within ? [one.within] : []), one.options);
    if (one.once) return { ids: page.data.map((item) => item?.id ?? null), error: "" };
    for await (const item of page) {
      ids.push(item?.id ?? null);
      if (ids.length >= one.most) break;
    }
  } catch (error) {
    return { ids, error: error.constructor.name };
  }
  return { ids, error: "" };
}

const found = [];
for (const one of asked.walks) found.push(await walk(one));
process.stdout.write(JSON.stringify(found));
