// What an operation of the service takes and gives, by its operationId.
export {};
