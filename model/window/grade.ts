/** The scale of what a restore point is worth. */

/** Best first. */
export const grades = ['application', 'filesystem', 'crash-atomic', 'crash'] as const;
export type Grade = (typeof grades)[number];

/** Whether `grade` is at least `wanted`. */
export function satisfies(grade: Grade, wanted: Grade): boolean {
  return grades.indexOf(grade) <= grades.indexOf(wanted);
}
