// The account of the local run.
export const REGION = 'us-east-1';
/** fauxqs knows this account only. */
export const ACCOUNT = '000000000000';
/** The operator's, who may do everything. */
export const CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local' };
