import { fetchMessage } from './mail.js';

/**
 * The people on this page. Each has a session of their own and talks to the server by themselves; what they pass to
 * each other here (a token handed over, a hint that there is news) stands for the other channels people have:
 * a message, a phone call, a notification.
 */
export class World extends EventTarget {
  people = [];
  /** The invitations that were mailed, with their messages where this page can read them. */
  mails = [];
  /** The link of a message that was opened in this page, until it is used. */
  followed = null;
  /** Which steps of the guide were done; a step stays done when what it made is deleted later. */
  done = new Set();

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

  /** Waits until the Vault has sent a message, and puts it where the one it is for will find it. */
  async deliver(sender, { id: invitationId, email: to }) {
    let mail = 'waiting';
    for (let tries = 0; mail === 'waiting' && tries < 40; tries += 1) {
      mail = await sender.mailOf(invitationId);
      if (mail === 'waiting')
        await new Promise((resume) => {
          setTimeout(resume, 250);
        });
    }
    const message = mail === 'sent' ? await fetchMessage(invitationId) : null;
    this.mails.push({ invitationId, to, message, failed: mail === 'failed' });
    this.dispatchEvent(new Event('change'));
  }

  /** A step that leaves no record of its own, such as running the tasks. */
  markDone(step) {
    this.done.add(step);
    this.dispatchEvent(new Event('change'));
  }

  /** Tells everyone else that there may be something new for them. */
  async newsFrom(person) {
    await Promise.all(this.othersOf(person).map((other) => other.session && other.refresh()));
  }
}
