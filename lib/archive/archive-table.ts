import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { CfnNamedQuery, CfnWorkGroup } from 'aws-cdk-lib/aws-athena';
import {
  type CfnTable,
  type Column,
  Database,
  DataFormat,
  PartitionProjectionConfiguration,
  S3Table,
  S3TableStorage,
  Schema,
} from 'aws-cdk-lib/aws-glue';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { archivePrefix } from '../../contract/archive.ts';
import type { Domain } from '../../contract/domain.ts';
import { pascalCase } from '../../contract/names.ts';
import { eventWords } from '../settings/event-words.ts';
import { QUERY_RESULTS_PREFIX } from './archive-bucket.ts';

export interface ArchiveTableProps {
  /** Of the archive. */
  readonly bucket: IBucket;
  /** What it archives. */
  readonly domain: Domain;
  /**
   * Key that encrypts the results of queries.
   * @default - keys of S3
   */
  readonly encryptionKey?: IKey | undefined;
}

/** The most a query may read, half a dollar at $5 per TB. https://aws.amazon.com/athena/pricing/ */
const QUERY_BYTES = 100_000_000_000;
/** No archive is older than this project. */
const FIRST_DAY = '2026-01-01';

const { STRING } = Schema;
/** The fields of a line: contract/archive.ts. */
const COLUMNS: Column[] = [
  { name: 'messageid', type: STRING },
  { name: 'sentat', type: STRING },
  { name: 'groupid', type: STRING },
  { name: 'sequencenumber', type: STRING },
  {
    name: 'attributes',
    type: Schema.map(
      STRING,
      Schema.struct([
        { name: 'datatype', type: STRING },
        { name: 'stringvalue', type: STRING },
        { name: 'binaryvalue', type: STRING },
      ]),
    ),
  },
  { name: 'body', type: STRING },
];

/**
 * The archive as a table that Athena can query at once: partition projection derives days and hours from the clock, so nothing has to
 * crawl the bucket. It costs nothing until somebody queries.
 */
export class ArchiveTable extends Construct {
  constructor(scope: Construct, id: string, { bucket, domain, encryptionKey }: ArchiveTableProps) {
    super(scope, id);
    const database = new Database(this, 'Database');
    // It only says where the objects are and can be recreated at any time; CDK would retain it, and its name with it.
    database.applyRemovalPolicy(RemovalPolicy.DESTROY);
    const table = new S3Table(this, 'Table', {
      database,
      storage: S3TableStorage.fromBucket(bucket),
      s3Prefix: archivePrefix(domain.topic),
      columns: COLUMNS,
      partitionKeys: [
        { name: 'dt', type: STRING },
        { name: 'hh', type: STRING },
      ],
      dataFormat: DataFormat.JSON,
      compressed: true,
      partitionProjection: {
        dt: PartitionProjectionConfiguration.date({ min: FIRST_DAY, max: 'NOW', format: 'yyyy-MM-dd' }),
        hh: PartitionProjectionConfiguration.integer({ min: 0, max: 23, digits: 2 }),
      },
    });
    // A query skips foreign objects, and attributes whose names differ only in case are two.
    // https://docs.aws.amazon.com/athena/latest/ug/openx-json-serde.html
    (table.node.findChild('Table') as CfnTable).addPropertyOverride(
      'TableInput.StorageDescriptor.SerdeInfo.Parameters',
      { 'ignore.malformed.json': 'TRUE', 'case.insensitive': 'FALSE' },
    );
    const workGroup = this.workGroup(bucket, encryptionKey);
    const { idField } = domain.events.settings;
    const { noun, aNoun } = eventWords(domain.events);
    const query = new CfnNamedQuery(this, `${pascalCase(noun)}Query`, {
      database: database.databaseName,
      workGroup: workGroup.name,
      name: `All events of ${aNoun}`,
      description: `Put in the days to look at, and the ${noun}: Athena bills what it reads of these days`,
      queryString: queryById(table.tableName, idField),
    });
    query.addResourceDependency(workGroup);
  }

  /** It limits what a query may read, and encrypts and expires results. */
  private workGroup(bucket: IBucket, encryptionKey: IKey | undefined): CfnWorkGroup {
    return new CfnWorkGroup(this, 'WorkGroup', {
      name: `${Stack.of(this).stackName}-archive`,
      recursiveDeleteOption: true,
      workGroupConfiguration: {
        enforceWorkGroupConfiguration: true,
        publishCloudWatchMetricsEnabled: false,
        bytesScannedCutoffPerQuery: QUERY_BYTES,
        resultConfiguration: {
          outputLocation: bucket.s3UrlForObject(QUERY_RESULTS_PREFIX),
          encryptionConfiguration: encryptionKey
            ? { encryptionOption: 'SSE_KMS', kmsKey: encryptionKey.keyArn }
            : { encryptionOption: 'SSE_S3' },
        },
      },
    });
  }
}

function queryById(table: string, idField: string): string {
  // A message is there more than once if a batch was retried.
  return `SELECT DISTINCT messageid, sentat, json_extract_scalar(body, '$.eventType') AS event, body
FROM "${table}"
WHERE dt BETWEEN '2026-11-01' AND '2026-11-30'
  AND json_extract_scalar(body, '$.${idField}') = '4711'
ORDER BY sentat`;
}
