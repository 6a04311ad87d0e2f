// A whole number within bounds, as an option's value.
import { InvalidArgumentError } from 'commander';

/** A parser of whole numbers from `min` to `max`; it throws InvalidArgumentError for anything else. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}
