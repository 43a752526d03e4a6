// Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
//
// TAP, and what the client tests share.
import { isDeepStrictEqual, inspect } from 'node:util';

let count = 0;
let failures = 0;

export function ok(pass, name, detail) {
    count += 1;
    if (!pass) failures += 1;
    console.log(`${pass ? 'ok' : 'not ok'} ${count} - ${name}`);
    if (!pass) console.error(`# ${name}: ${String(detail ?? 'failed').replaceAll('\n', '\n# ')}`);
    return pass;
}

export function is(got, want, name) {
    return ok(isDeepStrictEqual(got, want), name, `got ${inspect(got, { depth: 6 })}, expected ${inspect(want)}`);
}

export function like(got, pattern, name) {
    return ok(pattern.test(String(got)), name, `got ${inspect(got)}, expected ${pattern}`);
}

// One group of checks; an exception in it is a failure of the group only.
export async function test(name, body) {
    try {
        await body((text) => `${name}: ${text}`);
    } catch (error) {
        ok(false, `${name}: no exception`, error.stack ?? error);
    }
}

// The error that the promise fails with, or nothing.
export async function error_of(promise) {
    try {
        await promise;
    } catch (error) {
        return error;
    }
    return undefined;
}

export function done() {
    console.log(`1..${count}`);
    process.exit(failures ? 1 : 0);
}

export function url(vhost) {
    const found = process.env[`CLP_URL_${vhost}`];
    if (!found) throw new Error(`no vhost ${vhost}: run this by t/TEST`);
    return found;
}

async function control(what) {
    return (await fetch(`${process.env.CLP_UPSTREAM}/__${what}`)).json();
}

// Requests the scripted upstream saw, with their bodies as JSON.
export async function upstream_log() {
    return (await control('log')).map((entry) => ({
        ...entry,
        json: entry.body ? JSON.parse(Buffer.from(entry.body, 'base64').toString()) : undefined,
    }));
}

export const upstream_reset = () => control('reset');

export async function wait_for(ms, probe) {
    const until = Date.now() + ms;
    for (;;) {
        const value = await probe();
        if (value || Date.now() > until) return value;
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
}

let serial = 0;

// A script whose sequence of answers nobody else has begun.
export const fresh = (script) => `script:${script}#${process.pid}-${(serial += 1)}`;
