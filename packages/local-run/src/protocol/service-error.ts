/** What a service answers with an error. */
export class ServiceError extends Error {
  /** The error's name in the service's own protocol: `AccessDeniedException`. */
  readonly code: string;
  /** HTTP status. */
  readonly status: number;
  /** Its name in the older Query protocol, where it has another one there. */
  readonly queryCode: string;

  constructor(code: string, message: string, { status = 400, queryCode = code } = {}) {
    super(message);
    this.code = code;
    this.status = status;
    this.queryCode = queryCode;
  }
}
