// SPDX-License-Identifier: Apache-2.0
// Requests to the engine. Of each kind one is under way at a time, and of those waiting only the newest counts.

export class EngineError extends Error {
  constructor(told) {
    super(told.error ?? "The engine gave no reason.");
    this.field = told.field ?? null;
    this.row = told.row ?? null;
  }
}

const text = (bytes) => new TextDecoder().decode(bytes);

// A grid of answers: a length, a head in JSON, and three planes of bytes.
export function unpackGrid(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  const head = JSON.parse(text(bytes.subarray(4, 4 + length)));
  const size = head.columns * head.rows;
  const plane = (number) => bytes.subarray(4 + length + number * size, 4 + length + (number + 1) * size);
  return { ...head, labels: plane(0), shade: plane(1), ties: plane(2) };
}

export class Engine {
  constructor(request) {
    this.request = request;
    this.lanes = new Map();
  }

  // Ask and wait for the answer: parsed JSON, text or bytes, by its type.
  async ask(name, body = {}) {
    let answer;
    try {
      answer = await this.request(name, body);
    } catch {
      throw new EngineError({ error: "The engine does not answer. Is `kneighbors playground` still running?" });
    }
    if (!answer.ok) {
      let told = {};
      try {
        told = JSON.parse(text(answer.bytes));
      } catch {
        told = { error: "The engine refused, and gave no reason." };
      }
      throw new EngineError(told);
    }
    if (answer.type.startsWith("application/json")) return JSON.parse(text(answer.bytes));
    if (answer.type.startsWith("text/")) return text(answer.bytes);
    return answer.bytes;
  }

  // Ask in a lane: while one question is under way, a newer one replaces the one that waits.
  latest(lane, name, body, done, failed) {
    const job = { name, body, done, failed };
    const current = this.lanes.get(lane);
    if (current) {
      current.next = job;
      return;
    }
    this.run(lane, job);
  }

  async run(lane, job) {
    const slot = { next: null };
    this.lanes.set(lane, slot);
    try {
      const answer = await this.ask(job.name, job.body);
      if (!slot.next || job.body.keep) job.done(answer);
    } catch (error) {
      if (!slot.next) job.failed?.(error);
    }
    this.lanes.delete(lane);
    if (slot.next) this.run(lane, slot.next);
  }

  get idle() {
    return this.lanes.size === 0;
  }
}
