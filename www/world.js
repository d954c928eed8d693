/**
 * The people on this page. Each has a session of their own and talks to the server by themselves; what they pass to
 * each other here (a token handed over, a hint that there is news) stands for the other channels people have:
 * a message, a phone call, a notification.
 */
export class World extends EventTarget {
  people = [];
  /** Which steps of the guide were done; a step stays done when what it made is deleted later. */
  done = new Set();
  /** The safety numbers that were compared and are the same at both ends. */
  compared = new Set();

  add(person) {
    this.people.push(person);
    person.addEventListener('change', () => this.dispatchEvent(new Event('change')));
  }

  othersOf(person) {
    return this.people.filter((other) => other !== person);
  }

  named(name) {
    return this.people.find((person) => person.name === name);
  }

  byUserId(userId) {
    return this.people.find((person) => person.userId === userId);
  }

  /** The other end of a connection, where that end is on this page and has looked. */
  otherEndOf(connection) {
    for (const person of this.people) {
      const found = person.connections.find(({ id }) => id === connection.otherConnectionId);
      if (found) return { person, connection: found };
    }
    return null;
  }

  handOver(token, from, to) {
    this.dispatchEvent(new CustomEvent('hand-over', { detail: { token, from, to } }));
  }

  /** A step that leaves no record of its own, such as comparing safety numbers. */
  markDone(step) {
    this.done.add(step);
    this.dispatchEvent(new Event('change'));
  }

  /** Two people have read a safety number to each other. */
  markCompared(number) {
    this.compared.add(number);
    this.markDone('compare');
  }

  /** Tells everyone else that there may be something new for them. */
  async newsFrom(person) {
    await Promise.all(this.othersOf(person).map((other) => other.session && other.refresh()));
  }
}
