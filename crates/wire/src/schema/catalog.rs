//! The channels and their messages, the inputs and results of procedures, and the schemas of all.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value};

use crate::schema::finish;
use crate::schema::text_message::{Direction, TextMessage};

/// The schemas of all dialects.
pub struct Catalog {
    channels: Vec<Channel>,
    procedures: Vec<ProcedureSchema>,
    routes: Vec<RouteSchema>,
    /// What the server sends: absent fields are left out, and others can be `null`.
    outputs: SchemaGenerator,
    /// Messages of clients, in which `null` counts as absent.
    inputs: SchemaGenerator,
}

/// One dialect on a WebSocket or on Socket.IO.
#[derive(Clone, Debug)]
pub struct Channel {
    /// The name of the dialect.
    pub name: &'static str,
    /// How a message is written.
    pub form: Form,
    /// The messages to clients.
    pub sent: Vec<Message>,
    /// The messages of clients.
    pub received: Vec<Message>,
}

/// How the messages of a channel are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A JSON text `{type, …}`.
    Text,
    /// A Socket.IO event with one value.
    Event,
}

/// One kind of message.
#[derive(Clone, Debug)]
pub struct Message {
    /// The `type`, or the name of the event.
    pub name: &'static str,
    /// The name of the schema of the text or of the event's value; `None` if the event has no value.
    pub schema: Option<String>,
    /// Whether the value of the event can be left out.
    pub is_optional: bool,
    /// The name of the schema of the acknowledgement, if the event has one.
    pub answer: Option<String>,
}

/// One procedure of tRPC.
#[derive(Clone, Debug)]
pub struct ProcedureSchema {
    /// The path.
    pub path: &'static str,
    /// The name of the schema of the input.
    pub input: String,
    /// Whether the input can be left out.
    pub is_input_optional: bool,
    /// The schema of the result.
    pub result: Value,
}

/// One route of HTTP, other than those of tRPC.
#[derive(Clone, Debug)]
pub struct RouteSchema {
    /// The method.
    pub method: &'static str,
    /// The path; `{id}` stands for an id.
    pub path: &'static str,
    /// The name of the schema of the body.
    pub body: Option<String>,
    /// The status of success.
    pub status: u16,
    /// The name of the schema of the answer; `None` if the answer is not JSON.
    pub answer: Option<String>,
    /// The name of the schema of errors.
    pub error: String,
}

impl Catalog {
    pub(super) fn new(definitions_path: &'static str) -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = definitions_path.into();
            settings.meta_schema = None;
        });
        let (outputs, inputs) = (settings.clone().for_serialize(), settings.for_deserialize());
        Self {
            channels: Vec::new(),
            procedures: Vec::new(),
            routes: Vec::new(),
            outputs: outputs.into_generator(),
            inputs: inputs.into_generator(),
        }
    }

    /// Returns the channels.
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// Returns the procedures.
    pub fn procedures(&self) -> &[ProcedureSchema] {
        &self.procedures
    }

    /// Returns the routes.
    pub fn routes(&self) -> &[RouteSchema] {
        &self.routes
    }

    /// Returns the schemas by their names.
    pub fn definitions(&self) -> Map<String, Value> {
        let mut definitions = self.outputs.definitions().clone();
        definitions.values_mut().for_each(finish::output);
        for (name, schema) in self.inputs.definitions() {
            let mut schema = schema.clone();
            finish::input(&mut schema);
            let same = definitions.entry(name).or_insert_with(|| schema.clone());
            assert_eq!(*same, schema, "clients and the server send a different {name}");
        }
        definitions.sort_keys();
        definitions
    }

    /// Describes a part of an answer that no message and no route names.
    pub(crate) fn part<T: JsonSchema>(&mut self) {
        self.outputs.subschema_for::<T>();
    }

    /// Describes a route without a body.
    pub(crate) fn route<A: JsonSchema, E: JsonSchema>(
        &mut self,
        method: &'static str,
        path: &'static str,
        status: u16,
    ) {
        self.outputs.subschema_for::<A>();
        self.outputs.subschema_for::<E>();
        let (answer, error) = (Some(A::schema_name().into_owned()), E::schema_name().into_owned());
        self.routes.push(RouteSchema { method, path, body: None, status, answer, error });
    }

    /// Describes a route without a body whose answer is not JSON.
    pub(crate) fn file_route<E: JsonSchema>(&mut self, method: &'static str, path: &'static str, status: u16) {
        self.outputs.subschema_for::<E>();
        let error = E::schema_name().into_owned();
        self.routes.push(RouteSchema { method, path, body: None, status, answer: None, error });
    }

    /// Describes a route with a body.
    pub(crate) fn route_with_body<B: JsonSchema, A: JsonSchema, E: JsonSchema>(
        &mut self,
        method: &'static str,
        path: &'static str,
        status: u16,
    ) {
        self.inputs.subschema_for::<B>();
        self.route::<A, E>(method, path, status);
        if let Some(route) = self.routes.last_mut() {
            route.body = Some(B::schema_name().into_owned());
        }
    }

    /// Describes a procedure.
    pub(crate) fn procedure<I: JsonSchema, R: JsonSchema>(&mut self, path: &'static str, is_input_optional: bool) {
        self.inputs.subschema_for::<I>();
        let result = self.outputs.subschema_for::<R>().to_value();
        let input = I::schema_name().into_owned();
        self.procedures.push(ProcedureSchema { path, input, is_input_optional, result });
    }

    /// Begins the description of a dialect, whose messages follow.
    pub(crate) fn channel(&mut self, name: &'static str, form: Form) -> ChannelBuilder<'_> {
        let channel = Channel { name, form, sent: Vec::new(), received: Vec::new() };
        ChannelBuilder { catalog: self, channel }
    }
}

/// A dialect whose messages are being described.
pub(crate) struct ChannelBuilder<'c> {
    catalog: &'c mut Catalog,
    channel: Channel,
}

impl ChannelBuilder<'_> {
    /// Describes a message to clients: the whole text, or the value of an event.
    pub(crate) fn sends<T: JsonSchema>(mut self, name: &'static str) -> Self {
        self.catalog.outputs.subschema_for::<T>();
        let schema = T::schema_name().into_owned();
        if self.channel.form == Form::Text {
            let message = TextMessage { name, direction: Direction::ToClient };
            message.complete(self.catalog.outputs.definitions_mut(), &schema);
        }
        self.channel.sent.push(Message { name, schema: Some(schema), is_optional: false, answer: None });
        self
    }

    /// Describes a text to clients that consists of its type and a payload.
    pub(crate) fn sends_payload<P: JsonSchema>(mut self, name: &'static str, schema: &'static str) -> Self {
        let payload = self.catalog.outputs.subschema_for::<P>();
        let message = TextMessage { name, direction: Direction::ToClient };
        let definition = message.with_payload(payload, self.catalog.outputs.definitions_mut(), &P::schema_name());
        self.catalog.outputs.definitions_mut().insert(schema.to_owned(), definition);
        self.channel.sent.push(Message { name, schema: Some(schema.to_owned()), is_optional: false, answer: None });
        self
    }

    /// Describes a text of clients whose fields stand beside its type.
    pub(crate) fn receives<T: JsonSchema>(mut self, name: &'static str) -> Self {
        self.catalog.inputs.subschema_for::<T>();
        let schema = T::schema_name().into_owned();
        let message = TextMessage { name, direction: Direction::ToServer };
        message.complete(self.catalog.inputs.definitions_mut(), &schema);
        self.channel.received.push(Message { name, schema: Some(schema), is_optional: false, answer: None });
        self
    }

    /// Describes a text of clients that consists of its type and a payload.
    pub(crate) fn receives_payload<P: JsonSchema>(mut self, name: &'static str, schema: &'static str) -> Self {
        let payload = self.catalog.inputs.subschema_for::<P>();
        let message = TextMessage { name, direction: Direction::ToServer };
        let definition = message.with_payload(payload, self.catalog.inputs.definitions_mut(), &P::schema_name());
        self.catalog.inputs.definitions_mut().insert(schema.to_owned(), definition);
        self.channel.received.push(Message { name, schema: Some(schema.to_owned()), is_optional: false, answer: None });
        self
    }

    /// Describes an event of clients with its acknowledgement. `is_optional` tells whether the value can be left out.
    pub(crate) fn handles<T: JsonSchema, A: JsonSchema>(mut self, name: &'static str, is_optional: bool) -> Self {
        self.catalog.inputs.subschema_for::<T>();
        self.catalog.outputs.subschema_for::<A>();
        let (schema, answer) = (Some(T::schema_name().into_owned()), Some(A::schema_name().into_owned()));
        self.channel.received.push(Message { name, schema, is_optional, answer });
        self
    }

    /// Describes an event of clients without a value, with its acknowledgement.
    pub(crate) fn handles_bare<A: JsonSchema>(mut self, name: &'static str) -> Self {
        self.catalog.outputs.subschema_for::<A>();
        let answer = Some(A::schema_name().into_owned());
        self.channel.received.push(Message { name, schema: None, is_optional: true, answer });
        self
    }

    /// Ends the description.
    pub(crate) fn end(self) {
        self.catalog.channels.push(self.channel);
    }
}
