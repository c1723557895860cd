/** The instructions that the user gave last. */

import type { Memory } from "../notices";

const INSTRUCTIONS = "instructions";
const MAX_INSTRUCTIONS = 20;

/** Remembers the last instructions of this user, the newest first and each only once. */
export class History {
  constructor(private readonly memory: Memory) {}

  all(): readonly string[] {
    return this.memory.get(INSTRUCTIONS) ?? [];
  }

  async add(instruction: string): Promise<void> {
    const others = this.all().filter((each) => each !== instruction);
    await this.memory.update(INSTRUCTIONS, [instruction, ...others].slice(0, MAX_INSTRUCTIONS));
  }
}
