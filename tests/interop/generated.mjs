// API clients that were generated from the platform's own descriptions: each call by its name, and each reply held against
// the types that the client declares for it. A reply that lacks a mandatory field, or has one of another type, is an error.

import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

export class GeneratedClient {
  /**
   * @param {string} alias the package, as it is called in this folder's package.json
   * @param {[RegExp, string][]} otherwise what is not as declared, and why
   */
  constructor(alias, otherwise = []) {
    this.otherwise = otherwise;
    this.module = require(alias);
    this.folder = join(dirname(require.resolve(`${alias}/package.json`)), 'lib', 'types');
    const { name, version } = JSON.parse(readFileSync(require.resolve(`${alias}/package.json`), 'utf8'));
    this.name = `${name} ${version.replace(/-develop\..*/, '-develop')}`;
    const sources = declarationFiles(this.folder)
      .map((file) => withoutComments(readFileSync(file, 'utf8')))
      .join('\n');
    this.types = readTypes(sources);
    this.methods = readMethods(sources);
    /** The calls that were made and whose replies were as declared. */
    this.called = new Set();
  }

  /** Calls a method with arguments by their names; `body` stands for the one that is sent as JSON. */
  async call({ url, token }, method, named = {}) {
    const { api, parameters, reply } = this.methods.get(method) ?? fail(`${this.name} has no ${method}`);
    // One generator wrote external_id, another externalId.
    const same = (one, other) => one.replaceAll('_', '').toLowerCase() === other.replaceAll('_', '').toLowerCase();
    const given = parameters.map(({ name, type }) => {
      const [, value] = Object.entries(named).find(([key]) => same(key, name)) ?? [];
      return value === undefined && this.types.get(type)?.fields ? named.body : value;
    });
    for (const key of Object.keys(named)) {
      if (key !== 'body' && !parameters.some(({ name }) => same(key, name)))
        fail(`${this.name}: ${method} has no parameter ${key}`);
    }
    const apiKey = (name) => (name === 'Authorization' ? (token ?? '') : 'interop');
    const Api = this.module[api];
    const configuration = this.module.Configuration
      ? new this.module.Configuration({ basePath: url, apiKey, fetchApi: fetch })
      : { basePath: url, apiKey };
    let answer;
    try {
      answer = await new Api(configuration, url, fetch)[method](...given);
    } catch (refusal) {
      if (typeof refusal?.status !== 'number') throw refusal;
      throw Object.assign(new Error(`${method}: ${refusal.status} ${await refusal.text?.()}`), {
        status: refusal.status,
      });
    }
    const problems = reply === 'void' || reply === 'Response' ? [] : this.#problems(reply, answer, method);
    if (problems.length > 0) fail(`${this.name}: ${problems.join('; ')}`);
    this.called.add(method);
    return answer;
  }

  /** How a value is not what its type says. */
  #problems(type, value, path) {
    const [pattern] = this.otherwise.find(([allowed]) => allowed.test(path)) ?? [];
    if (pattern) return [];
    const alternatives = type.split(' | ').map((alternative) => alternative.trim());
    if (value === null)
      return alternatives.some((one) => ['null', 'any', 'object'].includes(one))
        ? []
        : [`${path} is null, not ${type}`];
    const outcomes = alternatives.filter((one) => one !== 'null').map((one) => this.#problemsOfOne(one, value, path));
    return outcomes.find((problems) => problems.length === 0) ?? outcomes[0] ?? [`${path} is not null`];
  }

  #problemsOfOne(type, value, path) {
    const expect = (fits) => (fits ? [] : [`${path} is ${JSON.stringify(value)?.slice(0, 60)}, not ${type}`]);
    const array = /^Array<(.*)>$/.exec(type);
    if (array)
      return Array.isArray(value)
        ? value.flatMap((one, at) => this.#problems(array[1], one, `${path}[${at}]`))
        : expect(false);
    switch (type) {
      case 'any':
        return expect(value !== undefined);
      case 'object':
        return expect(typeof value === 'object');
      case 'string':
      case 'number':
      case 'boolean':
        return expect(typeof value === type);
      case 'Blob':
        return expect(value instanceof Blob);
      case 'Date':
        return expect(!Number.isNaN(new Date(value).getTime()));
      default:
        return this.#problemsOfNamed(type, value, path, expect);
    }
  }

  #problemsOfNamed(type, value, path, expect) {
    const declared = this.types.get(type) ?? fail(`${this.name} does not declare ${type}`);
    if (declared.values) return expect(declared.values.includes(value));
    if (typeof value !== 'object' || Array.isArray(value)) return expect(false);
    return declared.fields.flatMap((field) => {
      const one = value[field.name];
      if (one === undefined) return field.optional ? [] : [`${path}.${field.name} is missing`];
      if (one === null && field.optional) return [];
      return this.#problems(field.type, one, `${path}.${field.name}`);
    });
  }
}

function declarationFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return declarationFiles(path);
    return path.endsWith('.d.ts') ? [path] : [];
  });
}

const withoutComments = (source) =>
  source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\{\s*\[key: string\]: \w+;\s*\}/g, 'object');

/** Name → `{ fields }` of a record, or `{ values }` of an enumeration. */
function readTypes(source) {
  const types = new Map();
  for (const [, name, body] of source.matchAll(/export interface (\w+) \{([^}]*)\}/g)) {
    const fields = [...body.matchAll(/^\s*'?(\w+)'?(\?)?: ([^;]+);/gm)].map(([, field, optional, type]) => ({
      name: field,
      optional: optional === '?',
      type: type.replace(/\w+\.(\w+Enum)/, '$1'),
    }));
    types.set(name, { fields });
  }
  for (const [, name, body] of source.matchAll(/enum (\w+) \{([^}]*)\}/g)) {
    types.set(name, { values: [...body.matchAll(/"([^"]*)"/g)].map(([, value]) => value) });
  }
  return types;
}

/** Name → the class it is of, its parameters and what it promises. */
function readMethods(source) {
  const methods = new Map();
  for (const [, api, body] of source.matchAll(/export declare class (\w+Api) extends [\w.]+ \{([\s\S]*?)^\}/gm)) {
    for (const [, name, list, reply] of body.matchAll(/^\s+(\w+)\(([^)]*)\): Promise<(.*)>;/gm)) {
      if (name.endsWith('Raw')) continue;
      const parameters = list
        .split(',')
        .map((parameter) => /^\s*(\w+)\??: (.*)$/s.exec(parameter))
        .filter(Boolean)
        .map(([, parameter, type]) => ({ name: parameter, type: type.trim() }))
        .filter(({ name: parameter }) => parameter !== 'options');
      methods.set(name, { api, parameters, reply });
    }
  }
  return methods;
}

function fail(message) {
  throw new Error(message);
}
