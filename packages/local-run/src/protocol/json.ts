// biome-ignore lint/suspicious/noExplicitAny: parsed JSON, whose shape only the one who reads it knows
export type Json = any;
