/** The texts of the page: every language has every key, every key is used, and no text stands in the code. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { parse } from 'acorn';
import { full } from 'acorn-walk';
import { load } from './fixture/modules.mjs';

const ROOT = new URL('../', import.meta.url);
const { messages: en } = await load('i18n/en.js');
const { messages: de } = await load('i18n/de.js');
const { localeOf, readLanguage } = await load('i18n/language.js');
const { listed, setLanguage, t } = await load('i18n/translate.js');

/** Attributes that people see or hear. */
const TEXT_ATTRIBUTES = ['aria-label', 'aria-description', 'alt', 'title', 'placeholder'];

/** Functions whose arguments, from this position on, are texts. */
const TEXT_ARGUMENTS = { el: 2, svg: 2, setText: 1, announce: 0, notify: 0, setCustomValidity: 0, append: 0, button: 1 };

/** A sentence or a title: it begins with a capital letter and continues with another word. */
const SENTENCE = /^\p{Lu}\p{Ll}*'?\p{L}* \p{L}/u;

const WITHOUT_TEXTS = /^(lib|test|i18n\/..)\b/;

async function sources() {
  const entries = await readdir(ROOT, { recursive: true });
  const names = entries.filter((name) => name.endsWith('.js') && !WITHOUT_TEXTS.test(name));
  return Promise.all(names.map(async (name) => ({ name, text: await readFile(new URL(name, ROOT), 'utf8') })));
}

const FILES = (await sources()).map(({ name, text }) => ({
  name,
  program: parse(text, { ecmaVersion: 'latest', sourceType: 'module', locations: true }),
}));
const HTML = await readFile(new URL('index.html', ROOT), 'utf8');

/** Calls `visit(text, node)` for each text in an expression that is no key of the catalogue. */
function eachText(node, visit) {
  if (node.type === 'Literal' && typeof node.value === 'string') visit(node.value, node);
  if (node.type === 'TemplateLiteral') visit(node.quasis.map(({ value }) => value.cooked).join(''), node);
  if (node.type === 'ConditionalExpression') [node.consequent, node.alternate].forEach((part) => eachText(part, visit));
  if (node.type === 'LogicalExpression') [node.left, node.right].forEach((part) => eachText(part, visit));
}

function textsInCode({ name, program }) {
  const found = [];
  const report = (text, node) => found.push(`${name}:${node.loc.start.line}: ${text}`);
  const reportLetters = (text, node) => /\p{L}{2}/u.test(text) && report(text, node);
  full(program, (node) => {
    if (node.type === 'Literal' && typeof node.value === 'string' && SENTENCE.test(node.value)) report(node.value, node);
    if (node.type === 'TemplateElement' && SENTENCE.test(node.value.cooked)) report(node.value.cooked, node);
    if (node.type === 'CallExpression') {
      const callee = node.callee.property?.name ?? node.callee.name;
      if (Object.hasOwn(TEXT_ARGUMENTS, callee)) node.arguments.slice(TEXT_ARGUMENTS[callee]).forEach((part) => eachText(part, reportLetters));
    }
    if (node.type === 'Property' && TEXT_ATTRIBUTES.includes(node.key.value ?? node.key.name)) eachText(node.value, reportLetters);
  });
  return found;
}

test('every language has the same keys and values', () => {
  assert.deepEqual(Object.keys(de), Object.keys(en));
  for (const key of Object.keys(en)) {
    const values = (message) => new Set(Object.values([message].flatMap((one) => (typeof one === 'string' ? one : Object.values(one)))).flatMap((text) => text.match(/\{\w+\}/g) ?? []));
    assert.deepEqual(values(de[key]), values(en[key]), key);
  }
});

test('texts with plural forms have those of their language', () => {
  for (const [language, messages] of Object.entries({ en, de })) {
    const categories = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
    for (const [key, message] of Object.entries(messages)) {
      if (typeof message === 'string') continue;
      assert.ok(message.other, `${key} has the form for all other numbers`);
      assert.deepEqual(Object.keys(message).filter((category) => !categories.includes(category)), [], key);
    }
  }
});

test('every key is used, and every used key exists', () => {
  const used = new Set([...HTML.matchAll(/data-(?:text|label)="([^"]+)"/g)].map(([, key]) => key));
  const unknown = [];
  for (const { name, program } of FILES) {
    full(program, (node) => {
      if (node.type === 'Literal' && Object.hasOwn(en, node.value)) used.add(node.value);
      const isKey = node.type === 'CallExpression' && node.callee.name === 't';
      if (isKey) eachText(node.arguments[0], (key) => Object.hasOwn(en, key) || unknown.push(`${name}: ${key}`));
    });
  }
  assert.deepEqual(unknown, []);
  assert.deepEqual(Object.keys(en).filter((key) => !used.has(key)), []);
  assert.deepEqual([...used].filter((key) => !Object.hasOwn(en, key)), []);
});

test('no text stands in the code', () => {
  assert.deepEqual(FILES.flatMap(textsInCode), []);
  const markup = HTML.replace(/<noscript>[\s\S]*<\/noscript>|<head>[\s\S]*<\/head>/g, '').replace(/<[^>]*>/g, ' ');
  assert.equal(markup.trim(), 'Tickcast');
  assert.doesNotMatch(HTML, /aria-label=|placeholder=|title=/);
});

test('a text in the code would be found', () => {
  const found = (text) => textsInCode({ name: 'a.js', program: parse(text, { ecmaVersion: 'latest', sourceType: 'module', locations: true }) });
  for (const code of ["el('p', {}, 'start')", "setText(node, online ? 'on' : '')", "const x = { 'aria-label': `Stop ${name}` }", "const x = 'The end'", "shell.announce('up')"]) {
    assert.equal(found(code).length, 1, code);
  }
  assert.deepEqual(found("el('p', { class: 'muted hint' }, t('a.b'), '·')"), []);
});

test('the language is the chosen one, else the first that the browser prefers', () => {
  const supported = ['en', 'de'];
  const read = (chosen, preferred) => readLanguage({ storage: { getItem: () => chosen }, preferred, supported });
  assert.equal(read(null, ['fr', 'de-AT', 'en']), 'de');
  assert.equal(read('en', ['de']), 'en');
  assert.equal(read('xx', ['fr']), 'en');
  assert.equal(readLanguage({ storage: null, preferred: ['de'], supported }), 'de');
  assert.equal(localeOf('de', ['en-GB', 'de-AT']), 'de-AT');
  assert.equal(localeOf('de', ['en-GB']), 'de');
  assert.equal(localeOf('en', ['en-US@posix']), 'en');
  assert.equal(localeOf('en', ['en-US@posix', 'en-GB']), 'en-GB');
});

test('values, plural forms and numbers follow the language', () => {
  try {
    assert.equal(t('connection.nextAttempt', { count: 1 }), 'Next attempt in 1 second');
    assert.equal(t('connection.nextAttempt', { count: 1_200 }), 'Next attempt in 1,200 seconds');
    setLanguage('de', 'de-DE');
    assert.equal(t('connection.nextAttempt', { count: 1_200 }), 'Nächster Versuch in 1.200 Sekunden');
    assert.equal(listed(['Ann', 'Ben']), 'Ann und Ben');
  } finally {
    setLanguage('en', 'en');
  }
});
