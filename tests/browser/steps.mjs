// What a person does, step by step: each step is done or says where it failed; a failed step does not stop the next.
import { report } from "./browser.mjs";

/** Steps on a page (or on whatever page `at()` names when it fails). */
export function steps(at) {
  const page = typeof at === "function" ? at : () => at;
  const done = [];
  const problems = [];
  return {
    async step(name, act) {
      try {
        await act();
        done.push(name);
      } catch (error) {
        problems.push(`${name}: ${error.message.split("\n").slice(0, 4).join(" | ")} at ${page().url()}`);
      }
    },
    expect(what, truth) {
      if (!truth) throw new Error(`not so: ${what}`);
    },
    /** Reports, with what went wrong on those pages; `allowed` are answers that were provoked on purpose. */
    finish(pages, allowed = []) {
      const wrong = pages.flatMap((each) => each.problems);
      problems.push(...wrong.filter((problem) => !allowed.some((status) => problem.includes(`status of ${status}`))));
      report({ steps: done, problems });
    },
  };
}
