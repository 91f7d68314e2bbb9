/** The procedures of Studio as the type of a router, for `createTRPCClient<StudioRouter>` of `@trpc/client` 11. */
import type { StudioProcedures, TrpcError } from '../generated/messages.js';
import type { MutationPath, QueryPath } from './protocol.js';

/** The type of a procedure, with the fields that `@trpc/client` reads; it needs no package here. */
interface Procedure<Type extends 'query' | 'mutation', Path extends keyof StudioProcedures> {
  (options: any): Promise<StudioProcedures[Path]['result']>;
  meta: unknown;
  _def: {
    $types: { input: StudioProcedures[Path]['input']; output: StudioProcedures[Path]['result']; errorShape: TrpcError };
    procedure: true;
    type: Type;
    meta: unknown;
    experimental_caller: boolean;
    inputs: any[];
  };
}

type Query<Path extends QueryPath> = Procedure<'query', Path>;
type Mutation<Path extends MutationPath> = Procedure<'mutation', Path>;

type StudioRecord = {
  timeTracking: {
    taskTypes: {
      list: Query<'timeTracking.taskTypes.list'>;
      create: Mutation<'timeTracking.taskTypes.create'>;
      update: Mutation<'timeTracking.taskTypes.update'>;
    };
    timer: {
      start: Mutation<'timeTracking.timer.start'>;
      stop: Mutation<'timeTracking.timer.stop'>;
      getActive: Query<'timeTracking.timer.getActive'>;
    };
    timeEntries: {
      list: Query<'timeTracking.timeEntries.list'>;
      adjust: Mutation<'timeTracking.timeEntries.adjust'>;
    };
  };
};

/** See the module. It exists as a type only. */
export interface StudioRouter {
  createCaller: any;
  _def: {
    _config: {
      $types: { ctx: object; meta: object; errorShape: TrpcError; transformer: false };
      transformer: any;
      errorFormatter: any;
      allowOutsideOfServer: boolean;
      isServer: boolean;
      isDev: boolean;
      pathSeparator: any;
    };
    router: true;
    procedure?: never;
    procedures: StudioRecord;
    record: StudioRecord;
    lazy: Record<string, any>;
  };
}
