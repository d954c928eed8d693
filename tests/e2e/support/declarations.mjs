/**
 * What `index.d.ts` declares, as TypeScript's own checker reads it: the members of each class, and the types of what the
 * methods take and give. Tests walk values along these types, so nothing of the declarations is written down twice.
 */
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { API, SignatureKind, SymbolFlags, TypeFlags } from 'typescript/unstable/sync';

/** Interfaces of the platform and classes of the package, which a walk does not enter. */
const leaves = { Date: 'instant', Uint8Array: 'bytes', AbortSignal: 'signal', Blob: 'file', ReadableStream: 'file' };

/**
 * @param {string} packageFolder the built package
 * @returns {Promise<Declarations>} to be closed: TypeScript runs as a process of its own
 */
export async function readDeclarations(packageFolder) {
  const folder = await mkdtemp(join(tmpdir(), 'vaultshare-declarations-'));
  const file = join(await realpath(packageFolder), 'index.d.ts');
  const config = join(folder, 'tsconfig.json');
  const compilerOptions = { strict: true, target: 'esnext', lib: ['esnext', 'dom'], types: [], noEmit: true };
  await writeFile(config, JSON.stringify({ compilerOptions, files: [file] }));
  const api = new API({ cwd: folder });
  const { checker, program } = api.updateSnapshot({ openProjects: [config] }).getProject(config);
  return new Declarations(checker, program.getSourceFile(file), async () => {
    api.close();
    await rm(folder, { recursive: true, force: true });
  });
}

class Declarations {
  #checker;
  #exports;
  /** Every function and method, by names like `init`, `new VaultClient`, `KeyPair.generate`, `KeyPair#sign`, `items.get`. */
  #signatures = new Map();

  constructor(checker, file, close) {
    this.#checker = checker;
    this.close = close;
    const module = checker.getSymbolAtLocation(file);
    this.#exports = new Map(checker.getExportsOfModule(module).map((symbol) => [symbol.name, symbol]));
    for (const [name, symbol] of this.#exports) {
      if (symbol.flags & SymbolFlags.Function)
        this.#signatures.set(name === 'default' ? 'init' : name, this.#signatureOf(symbol));
      if (!(symbol.flags & SymbolFlags.Class)) continue;
      const signature = this.#constructorOf(symbol);
      if (signature) this.#signatures.set(`new ${name}`, signature);
      this.#addMethods(`${name}.`, checker.getTypeOfSymbol(symbol));
      this.#addMethods(`${name}#`, checker.getDeclaredTypeOfSymbol(symbol));
    }
    for (const [property, part] of this.#parts())
      this.#addMethods(`${property}.`, checker.getDeclaredTypeOfSymbol(this.#exports.get(part)));
  }

  /** What the module exports that is there when a program runs. */
  values() {
    const values = [...this.#exports].filter(([, symbol]) => symbol.flags & (SymbolFlags.Class | SymbolFlags.Function));
    return values.map(([name]) => name).sort();
  }

  classes() {
    return [...this.#exports].filter(([, symbol]) => symbol.flags & SymbolFlags.Class).map(([name]) => name);
  }

  /** The parts of a session: by property, the name of the interface. */
  parts() {
    return Object.fromEntries(this.#parts());
  }

  /** The names of all functions and methods, constructors that are not private included. */
  methods() {
    return [...this.#signatures.keys()].sort();
  }

  parameters(method) {
    return this.#signature(method)
      .getParameters()
      .map((parameter) => parameter.name);
  }

  isAsync(method) {
    return this.#returned(method).getSymbol()?.name === 'Promise';
  }

  /** What is on objects of a class or interface: by name, how many parameters a method has; null for a property. */
  members(name) {
    return this.#members(this.#checker.getDeclaredTypeOfSymbol(this.#exports.get(name)));
  }

  /** The same of what is on a class itself. */
  staticMembers(name) {
    return this.#members(this.#checker.getTypeOfSymbol(this.#exports.get(name)));
  }

  /** How many parameters the constructor has; undefined where it is private. */
  constructorParameters(name) {
    return this.#signatures.get(`new ${name}`)?.getParameters().length;
  }

  // ------------------------------------------------------------------------------------------------------ Results

  /**
   * Compares what a method gave with what it is declared to give.
   *
   * @param {Set<string>} seen grows by the fields met, as in {@link Declarations.resultFields}
   * @param {object} classes the module's exports
   * @returns {string[]} what does not fit, as sentences
   */
  compareResult(method, value, seen, classes) {
    const problems = [];
    this.#compare(this.#resultOf(method), value, method, { method, problems, seen, classes });
    return problems;
  }

  /** Every field of every result, like `Slot.value`; where null is declared also `Slot.value null`. */
  resultFields() {
    const fields = new Set();
    const visited = new Set();
    for (const method of this.#signatures.keys()) this.#collect(this.#resultOf(method), method, fields, visited);
    return fields;
  }

  #compare(type, value, place, report) {
    const { problems } = report;
    const wrong = () => problems.push(`${place} is ${describe(value)} and not ${this.#checker.typeToString(type)}`);
    const { flags } = type;
    if (flags & (TypeFlags.Any | TypeFlags.Unknown)) return;
    if (flags & (TypeFlags.Void | TypeFlags.Undefined)) {
      if (value !== undefined) wrong();
      return;
    }
    if (flags & TypeFlags.Null) {
      if (value !== null) wrong();
      return;
    }
    if (flags & TypeFlags.String) {
      if (typeof value !== 'string') wrong();
      return;
    }
    if (flags & TypeFlags.Number) {
      if (typeof value !== 'number') wrong();
      return;
    }
    if (flags & TypeFlags.Boolean) {
      if (typeof value !== 'boolean') wrong();
      return;
    }
    if (type.isLiteralType()) {
      if (value !== type.value) wrong();
      return;
    }
    if (type.isUnionType()) {
      const arm = this.#armFor(type, value);
      if (arm) this.#compare(arm, value, place, report);
      else wrong();
      return;
    }
    if (typeof value !== 'object' || value === null) {
      wrong();
      return;
    }
    if (this.#checker.isArrayType(type)) {
      if (!Array.isArray(value)) {
        wrong();
        return;
      }
      const [element] = this.#checker.getTypeArguments(type);
      for (const [index, entry] of value.entries()) this.#compare(element, entry, `${place}[${index}]`, report);
      return;
    }
    const symbol = type.getSymbol();
    const known = this.#isClass(symbol) ? report.classes[symbol.name] : leaves[symbol?.name] && globalThis[symbol.name];
    if (known) {
      if (!(value instanceof known)) wrong();
      return;
    }
    this.#compareFields(type, value, place, report);
  }

  #compareFields(type, value, place, report) {
    const { problems, seen, method } = report;
    const declared = new Set();
    for (const property of this.#checker.getPropertiesOfType(type)) {
      const { name } = property;
      declared.add(name);
      const fieldType = this.#checker.getTypeOfSymbol(property);
      const isMethod = this.#callSignature(this.#present(property, fieldType)) !== undefined;
      const isLeftOut = property.flags & SymbolFlags.Optional && !Object.hasOwn(value, name);
      const field = `${this.#nameOf(type, method)}.${name}`;
      if (isMethod && !isLeftOut) {
        if (typeof value[name] !== 'function') problems.push(`${place}.${name}() is missing`);
        if (Object.keys(value).includes(name)) problems.push(`${place}.${name}() stands among the data`);
        seen.add(field);
      } else if (!Object.hasOwn(value, name)) {
        if (!(property.flags & SymbolFlags.Optional)) problems.push(`${place}.${name} is missing`);
      } else if (value[name] === undefined) {
        problems.push(`${place}.${name} is there and undefined`);
      } else {
        seen.add(field);
        if (value[name] === null) seen.add(`${field} null`);
        this.#compare(this.#present(property, fieldType), value[name], `${place}.${name}`, report);
      }
    }
    for (const key of Reflect.ownKeys(value)) {
      if (!declared.has(key)) problems.push(`${place}.${String(key)} is not declared`);
    }
  }

  #collect(type, method, fields, visited) {
    if (type.isUnionType()) {
      for (const arm of type.getTypes()) this.#collect(arm, method, fields, visited);
      return;
    }
    if (!(type.flags & (TypeFlags.Object | TypeFlags.Intersection))) return;
    if (this.#checker.isArrayType(type)) {
      this.#collect(this.#checker.getTypeArguments(type)[0], method, fields, visited);
      return;
    }
    const symbol = type.getSymbol();
    if (this.#isClass(symbol) || leaves[symbol?.name] || visited.has(type.id)) return;
    visited.add(type.id);
    for (const property of this.#checker.getPropertiesOfType(type)) {
      const fieldType = this.#checker.getTypeOfSymbol(property);
      const field = `${this.#nameOf(type, method)}.${property.name}`;
      fields.add(field);
      if (this.#callSignature(this.#present(property, fieldType))) continue;
      if (fieldType.isUnionType() && fieldType.getTypes().some((arm) => arm.flags & TypeFlags.Null))
        fields.add(`${field} null`);
      this.#collect(fieldType, method, fields, visited);
    }
  }

  // ---------------------------------------------------------------------------------------------------- Arguments

  /**
   * Walks the arguments of a call along their declared types.
   *
   * @param {Set<string>} covered grows by the fields met, as in {@link Declarations.argumentFields}
   * @returns {{ path: (string | number)[], name: string, kind: string, optional: boolean, nullable: boolean }[]} every
   *   place where a value stands: how to get there from the arguments, what a message calls it, and what has to be there
   */
  places(method, values, covered) {
    const places = [];
    this.#signature(method)
      .getParameters()
      .forEach((parameter, index) => {
        const type = this.#checker.getTypeOfSymbol(parameter);
        if (index < values.length)
          this.#walk(
            type,
            values[index],
            { method, path: [index], name: '', parameter: parameter.name },
            places,
            covered,
          );
      });
    return places;
  }

  /** Every field that is declared for the arguments of a method, like `NewSlot.value` or `items.list(filter).own`. */
  argumentFields(method) {
    const fields = new Set();
    for (const parameter of this.#signature(method).getParameters()) {
      this.#collectArguments(this.#checker.getTypeOfSymbol(parameter), `${method}(${parameter.name})`, fields);
    }
    return fields;
  }

  #walk(type, value, at, places, covered) {
    const arms = type.isUnionType() ? type.getTypes() : [type];
    const given = arms.filter((arm) => !(arm.flags & (TypeFlags.Null | TypeFlags.Undefined)));
    places.push({
      path: at.path,
      name: at.name || at.parameter,
      kind: this.#kindOf(given),
      optional: Boolean(at.optional) || arms.some((arm) => arm.flags & TypeFlags.Undefined),
      nullable: arms.some((arm) => arm.flags & TypeFlags.Null),
    });
    if (typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) {
      const [element] = this.#checker.getTypeArguments(given.find((arm) => this.#checker.isArrayType(arm)));
      value.forEach((entry, index) => {
        this.#walk(
          element,
          entry,
          { ...at, path: [...at.path, index], name: `${at.name || at.parameter}[${index}]`, optional: false },
          places,
          covered,
        );
      });
      return;
    }
    const arm = this.#armFor(type, value);
    if (!arm || !this.#isPlain(arm)) return;
    const [index] = this.#checker.getIndexInfosOfType(arm);
    for (const key of Object.keys(value)) {
      const path = [...at.path, key];
      if (index) {
        // Its name is the caller's own, which a message need not repeat; and it need not be there.
        this.#walk(
          index.valueType,
          value[key],
          { ...at, path, name: at.name || at.parameter, optional: true },
          places,
          covered,
        );
        continue;
      }
      const property = this.#checker.getPropertyOfType(arm, key);
      covered.add(`${this.#nameOf(arm, `${at.method}(${at.parameter})`)}.${key}`);
      const name = at.name ? `${at.name}.${key}` : key;
      // One that only one of several alternatives asks for may be missing.
      const optional = given.filter((alternative) => this.#isPlain(alternative)).length > 1;
      this.#walk(this.#checker.getTypeOfSymbol(property), value[key], { ...at, path, name, optional }, places, covered);
    }
  }

  #collectArguments(type, owner, fields) {
    if (type.isUnionType()) {
      for (const arm of type.getTypes()) this.#collectArguments(arm, owner, fields);
      return;
    }
    if (this.#checker.isArrayType(type)) {
      this.#collectArguments(this.#checker.getTypeArguments(type)[0], owner, fields);
      return;
    }
    if (!this.#isPlain(type)) return;
    for (const property of this.#checker.getPropertiesOfType(type)) {
      const field = `${this.#nameOf(type, owner)}.${property.name}`;
      if (fields.has(field)) continue;
      fields.add(field);
      this.#collectArguments(this.#checker.getTypeOfSymbol(property), owner, fields);
    }
  }

  #kindOf(arms) {
    const every = (flag) => arms.every((arm) => arm.flags & flag);
    const named = arms.map((arm) => leaves[arm.getSymbol()?.name]).filter(Boolean);
    if (named.length > 0) return named.includes('file') ? 'file' : named[0];
    if (every(TypeFlags.String)) return 'text';
    if (every(TypeFlags.Number | TypeFlags.NumberLiteral)) return 'number';
    if (every(TypeFlags.Boolean | TypeFlags.BooleanLiteral)) return 'boolean';
    if (every(TypeFlags.StringLiteral)) return 'choice';
    if (arms.some((arm) => this.#callSignature(arm))) return 'function';
    if (arms.some((arm) => this.#isClass(arm.getSymbol()))) return 'key';
    if (arms.some((arm) => arm.flags & TypeFlags.String)) return 'text or object';
    const lists = arms.filter((arm) => this.#checker.isArrayType(arm)).length;
    if (lists === arms.length) return 'list';
    return lists > 0 ? 'list or object' : 'object';
  }

  // ------------------------------------------------------------------------------------------------------- Types

  /** The alternative of a union that a value is meant as. */
  #armFor(type, value) {
    if (!type.isUnionType()) return type;
    const arms = type.getTypes();
    const simple = arms.find((arm) => (arm.isLiteralType() ? arm.value === value : arm.flags & flagOf(value)));
    if (simple || typeof value !== 'object' || value === null) return simple;
    if (Array.isArray(value)) return arms.find((arm) => this.#checker.isArrayType(arm));
    const objects = arms.filter(
      (arm) => arm.flags & (TypeFlags.Object | TypeFlags.Intersection) && !this.#checker.isArrayType(arm),
    );
    const required = (arm) =>
      this.#checker.getPropertiesOfType(arm).filter((property) => !(property.flags & SymbolFlags.Optional));
    return objects.find((arm) => required(arm).every((property) => property.name in value)) ?? objects[0];
  }

  /** An optional field's type where the field is there. */
  #present(property, type) {
    if (!(property.flags & SymbolFlags.Optional) || !type.isUnionType()) return type;
    const arms = type.getTypes().filter((arm) => !(arm.flags & TypeFlags.Undefined));
    return arms.length === 1 ? arms[0] : type;
  }

  #isPlain(type) {
    const symbol = type.getSymbol();
    return (
      Boolean(type.flags & (TypeFlags.Object | TypeFlags.Intersection)) &&
      !this.#isClass(symbol) &&
      !leaves[symbol?.name] &&
      !this.#callSignature(type)
    );
  }

  #isClass(symbol) {
    return symbol !== undefined && Boolean(symbol.flags & SymbolFlags.Class) && this.#exports.has(symbol.name);
  }

  /** An interface's name; what has none goes by where it stands. */
  #nameOf(type, place) {
    const name = type.getSymbol()?.name;
    return this.#exports.has(name) ? name : place;
  }

  #parts() {
    const session = this.#checker.getDeclaredTypeOfSymbol(this.#exports.get('Session'));
    return this.#checker
      .getPropertiesOfType(session)
      .map((property) => [property.name, this.#checker.getTypeOfSymbol(property).getSymbol()])
      .filter(([, symbol]) => symbol && symbol.flags & SymbolFlags.Interface && this.#exports.has(symbol.name))
      .map(([property, symbol]) => [property, symbol.name]);
  }

  #members(type) {
    const members = {};
    for (const property of this.#ownMembers(type)) {
      members[memberName(property)] =
        this.#callSignature(this.#checker.getTypeOfSymbol(property))?.getParameters().length ?? null;
    }
    return members;
  }

  /** Without what an `Error` has, and every class. */
  #ownMembers(type) {
    return this.#checker
      .getPropertiesOfType(type)
      .filter(({ declarations }) => declarations[0]?.path.endsWith('/index.d.ts'));
  }

  #addMethods(prefix, type) {
    for (const property of this.#ownMembers(type)) {
      const signature = this.#callSignature(this.#checker.getTypeOfSymbol(property));
      if (signature) this.#signatures.set(prefix + memberName(property), signature);
    }
  }

  #constructorOf(symbol) {
    const [signature] = this.#checker.getSignaturesOfType(
      this.#checker.getTypeOfSymbol(symbol),
      SignatureKind.Construct,
    );
    const isPrivate = signature?.declaration?.resolve()?.getText().startsWith('private');
    return isPrivate ? undefined : signature;
  }

  #callSignature(type) {
    return type.flags & TypeFlags.Object ? this.#checker.getSignaturesOfType(type, SignatureKind.Call)[0] : undefined;
  }

  #signatureOf(symbol) {
    return this.#callSignature(this.#checker.getTypeOfSymbol(symbol));
  }

  #signature(method) {
    const signature = this.#signatures.get(method);
    if (!signature) throw new Error(`${method} is not declared`);
    return signature;
  }

  #returned(method) {
    return this.#checker.getReturnTypeOfSignature(this.#signature(method));
  }

  /** What a method gives in the end. */
  #resultOf(method) {
    const returned = this.#returned(method);
    return returned.getSymbol()?.name === 'Promise' ? this.#checker.getTypeArguments(returned)[0] : returned;
  }
}

/** The checker calls well-known symbols `__@dispose@27`. */
function memberName({ name }) {
  const symbol = /^__@(\w+)@\d+$/.exec(name)?.[1];
  return symbol ? `[Symbol.${symbol}]` : name;
}

function flagOf(value) {
  if (value === null) return TypeFlags.Null;
  const flags = {
    undefined: TypeFlags.Undefined,
    string: TypeFlags.String,
    number: TypeFlags.Number,
    boolean: TypeFlags.Boolean,
  };
  return flags[typeof value] ?? 0;
}

function describe(value) {
  return typeof value === 'object' && value !== null
    ? Object.prototype.toString.call(value)
    : (JSON.stringify(value) ?? typeof value);
}
