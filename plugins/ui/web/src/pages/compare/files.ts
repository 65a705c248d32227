/** Which images and texts runs have, as the server lists them. */

export interface Files {
  /** By key and run: the step and the path of each image, in order of steps. */
  images: Record<string, Record<string, [step: number, path: string][]>>
  /** By path: the runs that have it. */
  pictures: Record<string, string[]>
  /** By path and run: the size. */
  texts: Record<string, Record<string, number | null>>
  more: string[]
  errors: Record<string, string>
}

/** All steps of an image's key, each once, in order. */
export const stepsOf = (images: Files['images'][string]): number[] =>
  [...new Set(Object.values(images).flatMap((found) => found.map(([step]) => step)))].sort((a, b) => a - b)

/** The last image of a run up to a step; its first one if all are later. */
export function imageAt(images: [number, string][] | undefined, step: number): [number, string] | undefined {
  let found = images?.[0]
  for (const image of images ?? []) if (image[0] <= step) found = image
  return found
}
